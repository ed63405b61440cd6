"""Language codes, as apps send them and as people name files: what they mean, and which is nearest. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple


def _table(pairs: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in pairs.split())


#: Codes that are no longer used, codes of three letters for languages that have two, and codes of countries
#: that are no language's → the code of today.
_TODAY: Final = _table(
    "iw=he in=id ji=yi jw=jv mo=ro-MD no=nb sh=sr-Latn fil=tl ara=ar aze=az bel=be ben=bn bul=bg "
    "cat=ca ces=cs chi=zh cmn=zh cze=cs dan=da deu=de dut=nl ell=el eng=en est=et fas=fa fin=fi "
    "fra=fr fre=fr ger=de gre=el heb=he hin=hi hrv=hr hun=hu hye=hy ind=id ita=it jpn=ja kat=ka "
    "kaz=kk kor=ko lav=lv lit=lt may=ms msa=ms nld=nl nno=nn nob=nb nor=nb per=fa pol=pl por=pt "
    "ron=ro rum=ro rus=ru slk=sk slo=sk slv=sl spa=es srp=sr swe=sv tgl=tl tha=th tur=tr ukr=uk "
    "uzb=uz vie=vi yue=zh-Hant-HK zho=zh by=be cn=zh cz=cs dk=da ge=ka gr=el jp=ja kz=kk rs=sr ua=uk vn=vi"
)
#: Words for a script, beside its code of four letters.
_SCRIPTS: Final = _table(
    "latin=Latn cyrillic=Cyrl arabic=Arab simplified=Hans chs=Hans traditional=Hant cht=Hant"
)
#: The script of a language that is written in several, where its code names none: in a region, and elsewhere.
_USUAL: Final = _table(
    "zh=Hans zh-TW=Hant zh-HK=Hant zh-MO=Hant sr=Cyrl sr-ME=Latn uz=Latn uz-AF=Arab az=Latn "
    "az-IR=Arab kk=Cyrl kk-CN=Arab pa=Guru pa-PK=Arab ku=Latn ku-IQ=Arab"
)
#: Languages whose readers read the other one, too.
_NEIGHBOURS: Final = {"nb": "nn", "nn": "nb"}
#: What the names of Telegram's custom language packs hold, and looks like a language or a script.
_NEITHER: Final = frozenset({"raw", "beta", "test"})


class Language(NamedTuple):
    """A language, with a script and a region where its code names them; `str` gives the code: zh-Hant-TW."""

    #: Two letters, or three where there is no code of two.
    base: str
    script: str = ""
    region: str = ""

    def __str__(self) -> str:
        return "-".join(filter(None, self))

    @property
    def written(self) -> str:
        """The script in which it is written; "" where the language is written in one only."""
        return self.script or _USUAL.get(f"{self.base}-{self.region}", _USUAL.get(self.base, ""))


def read(code: str) -> Language | None:
    """Return the language of a code in any spelling; None for what names no language.

    `pt-BR`, `pt_br`, `pt_BR.UTF-8`, `zh-hant`, `iw`, `rus`; of custom packs `ru-raw` and `classic-zh-cn`.
    """
    found: Language | None = None
    for part in re.split(r"[-_.@\s]+", code[:64].lower()):
        letters = part.isascii() and part.isalpha() and part not in _NEITHER
        if found is None:
            if letters and len(part) in (2, 3):
                today = _TODAY.get(part, part)
                found = Language(part) if today == part else read(today)
        elif len(part) == 1:
            break  # what follows is private, or no part of the language
        elif part in _SCRIPTS or (letters and len(part) == 4):
            found = found._replace(script=_SCRIPTS.get(part, part.title()))
        elif (letters and len(part) == 2) or (part.isascii() and part.isdigit() and len(part) == 3):
            found = found._replace(region=part.upper())
    return found


def nearest(wanted: Language, known: Iterable[Language]) -> list[Language]:
    """Return those of the known languages that readers of the wanted one understand, the nearest first.

    The same region goes first, then no region, then another one; another script comes after all of these.
    """
    ranked = []
    for language in known:
        if language.base not in (wanted.base, _NEIGHBOURS.get(wanted.base)):
            continue
        region = 0 if language.region == wanted.region else 2 if language.region else 1
        place = (language.base != wanted.base, language.written != wanted.written, region)
        ranked.append((*place, language.script != wanted.script, str(language), language))
    return [language for *_, language in sorted(ranked)]
