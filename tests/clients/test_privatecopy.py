"""Private copies: what is changed in a file, and which files and keys are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.clients.privatecopy import CopyError, private_copy, with_key


def pem(bits: int = 2048) -> str:
    """Return a new public key."""
    key = rsa.generate_private_key(65537, bits).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()


OWN, SANDBOX = pem().strip().encode(), pem()


def test_each_key_is_replaced_and_nothing_else_is_changed_or_moved() -> None:
    before = b"\x7fELF\0\xff%s\0between\\1\n%s\0end" % (OWN, OWN)
    assert with_key(before, SANDBOX) == before.replace(OWN, SANDBOX.strip().encode())


def test_a_key_of_another_length_is_refused() -> None:
    for text in (pem(1024), pem(3072), "", SANDBOX.replace("RSA ", "")):
        with pytest.raises(CopyError, match="2048 bits"):
            with_key(OWN, text)


def test_a_file_without_a_key_of_this_length_is_refused_by_its_name(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"#!/bin/sh\n" + pem(1024).encode())
    with pytest.raises(CopyError, match="program cannot be made to know the sandbox: no public key"):
        private_copy(program, SANDBOX, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_the_copy_of_a_program_is_a_program_and_the_original_stays(tmp_path: Path) -> None:
    program, copy = tmp_path / "program", tmp_path / "copy"
    program.write_bytes(OWN)
    program.chmod(0o755)
    private_copy(program, SANDBOX, copy)
    assert (program.read_bytes(), copy.read_bytes()) == (OWN, SANDBOX.strip().encode())
    assert copy.stat().st_mode & 0o777 == 0o755
