# Everything a person reads from the bot, in English. Other languages have the same texts under the same names.
# Names of people come as they are: the bot sends plain text, nothing in a name is formatting.

## Starting

start-hello = Hello, { $name }! { start-hello-more }
start-hello-nameless = Hello! { start-hello-more }
start-hello-more =
    I am glad you are here.
    This chat is open now: write to me whenever you like. You may block me at any time, then I stay silent until you come back.

    /help shows what I understand.

start-welcome-back = Welcome back, { $name }! { start-welcome-back-more }
start-welcome-back-nameless = Welcome back! { start-welcome-back-more }
start-welcome-back-more =
    We know each other already, just go on.

    /help shows what I understand.

start-group = Hello! I talk in private chats: write to me there.
start-add-to-group = Add me to a group

## Help

help =
    Hello! I am a bot, and this is what I understand:

    /start – begin, or begin again
    /help – this message
    /language – the language I speak to you
    /privacy – what I keep about you
    /forget – delete it

    Whatever else you write to me is welcome, too.

help-admin =
    You are an admin here, so there are also:

    /resolve @name, link or id – who is it, and may I write to them
    /whois – the same, in reply to a message of theirs or one that you forward to me
    /check – the same, and Telegram is asked now whether I may write
    /stats – how many people I know
    /link – links that begin a chat with me or add me to a group

## Commands for admins: what was asked for

admin-usage =
    Whom do you mean? Any of these will do:
    { $command } @name
    { $command } t.me/name
    { $command } tg://resolve?domain=name
    { $command } 123456789
    or { $command } in reply to a message of theirs.

admin-unreadable = I cannot read “{ $what }” as a name, a link or an id.
admin-no-such-name = Nobody has the name { $what }: I asked Telegram.
admin-never-met = I never met { $what }. I looked in my session, and asked Telegram for the bare id as far as it can be asked, without an access hash. I know people once they write to me; with their @name I can look them up.
admin-hidden-forward = The author hides the account in forwarded messages. I looked at the forward: it holds nothing but the name “{ $name }”, and nobody can be found by that. Ask for an @name or an id.
admin-no-message = Telegram does not show me the message you replied to any more.
admin-budget-spent = { $what } is not in my session, and the { $limit } names a day that Telegram lets me look up are spent. Ask again tomorrow.
admin-wait = Telegram asks me to wait with that: ask again in { $seconds } s.
admin-refused = Telegram refused: { $error }.

## Commands for admins: a peer

peer-user = 👤 { $name }
peer-bot = 🤖 { $name } – a bot
peer-group = 👥 { $name } – a group, not a person
peer-channel = 📣 { $name } – a channel, not a person
peer-nameless = (no name)
peer-id = id: { $id }
peer-usernames = usernames: { $names }
peer-no-usernames = usernames: none
peer-language = language: { $spoken }
peer-language-unknown = language: not known
peer-write = may I write: { $access }
peer-since = { $access }, since { $when } – { $evidence }
peer-until = { $line }, until { $until }
peer-known = known: { $when }; { $ways }
peer-allowed = they allowed it: { $when } – { $evidence }
peer-history-cleared = they blocked me { $when }: apps clear the chat then, so they may see nothing written before
peer-found-session = found: in my session, without asking
peer-found-session-name = found: in my session; the name was theirs { $age }
peer-found-telegram = found: asked Telegram just now
peer-found-outdated = found: in my session; the name was theirs { $age }, and the { $limit } look-ups of the day are spent, so it may have moved

access-reachable = yes
access-blocked = no, they blocked me
access-deactivated = no, the account is deleted
access-bot = no, bots cannot be written to
access-not-allowed = no, they never allowed it
access-unknown = not known, /check asks

evidence-message = they wrote to me
evidence-start = they started me
evidence-bot-stopped = Telegram said that they blocked me
evidence-bot-unblocked = Telegram said that they unblocked me
evidence-action-accepted = Telegram accepted a chat action
evidence-sent = Telegram accepted a message
evidence-user-is-blocked = Telegram answered USER_IS_BLOCKED
evidence-input-user-deactivated = Telegram answered INPUT_USER_DEACTIVATED
evidence-peer-id-invalid = Telegram answered PEER_ID_INVALID
evidence-user-is-bot = Telegram answered USER_IS_BOT
evidence-chat-write-forbidden = Telegram answered CHAT_WRITE_FORBIDDEN
evidence-join-request = they asked to join a chat that I manage
evidence-join-request-closed = their request to join was closed
evidence-write-access = they let me write to them
evidence-write-access-domain = they let me write to them when they logged in on { $detail }
evidence-write-access-app = they let me write to them when they opened a mini app from a link
evidence-write-access-attach = they let me write to them when they put me into their attachment menu
evidence-write-access-request = they let me write to them when a mini app asked
evidence-login = they logged in on { $detail }
evidence-deleted = the account was deleted
evidence-is-bot = the profile says so
evidence-privacy-premium-required = Telegram answered PRIVACY_PREMIUM_REQUIRED
evidence-allow-payment-required = Telegram answered ALLOW_PAYMENT_REQUIRED, { $detail } stars
evidence-you-blocked-user = Telegram answered YOU_BLOCKED_USER

## Commands for admins: numbers

stats =
    Users: { $total }
    reachable: { $reachable }
    blocked me: { $blocked }
    deactivated: { $deactivated }
    bots: { $bot }
    never allowed: { $not_allowed }
    not known: { $unknown }
    Names looked up in the last 24 hours: { $resolves } of { $limit }

## Times

ago-now = just now
ago-minutes = { $n ->
    [one] { $n } minute ago
   *[other] { $n } minutes ago
}
ago-hours = { $n ->
    [one] { $n } hour ago
   *[other] { $n } hours ago
}
ago-days = { $n ->
    [one] { $n } day ago
   *[other] { $n } days ago
}
moment = { $ago } ({ $date })

## News for admins

lost-difference-too-long = ⚠️ Telegram no longer had all updates since I was last connected: some messages, blocks and unblocks of that time are lost for good. /check tells the truth about a single person.
lost-difference-refused = ⚠️ Telegram does not hand out what happened while I was away: some messages of that time may stay unanswered. I go on with what comes from now on.

## How somebody became known

known = { $way } ({ $date })
known-message = by a message
known-username = by their name
known-id = by their id
known-join-request = by a request to join
known-login = by letting me write
known-difference = in what I had missed
known-group = in a group
known-update = in an update
known-answer = in an answer of Telegram’s
known-import = by an import
known-otherwise = otherwise

## Language

# The name of this language in this language.
language-name = English
language-choose = In which language shall I speak to you?
language-app = The one of my app
language-chosen = As you like.
language-gone = I do not speak that any more.

## Privacy

privacy-kept =
    I keep what Telegram tells me about you so that I can answer you, and know whether I may write to you. I keep no texts of messages. Nobody else gets any of it.
privacy-nothing = About you I keep nothing.
privacy-forget = /forget deletes all of it.
privacy-name = name: { $name }
privacy-premium = Telegram Premium: yes
privacy-language = language of your app: { $spoken }
privacy-language-chosen = language you chose: { $spoken }
privacy-first-seen = first seen: { $when }
privacy-last-seen = last seen: { $when }
privacy-known = how I know you: { $ways }
privacy-payload = the links you came by: first { $first }, last { $last }
privacy-write-yes = I may write to you since: { $when }
privacy-write-no = I may not write to you since: { $when }
privacy-block = you last blocked me: { $when }
privacy-join-requests = { $n ->
    [one] your open request to join: { $n }
   *[other] your open requests to join: { $n }
}
privacy-messages = number of your last message that I handled: { $last }
privacy-access-hash = a number from Telegram by which I can reach you
privacy-changes = { $n ->
    [one] { $n } change of these:
   *[other] { $n } changes of these, the latest ones:
}
privacy-change = { $date }: { $what } was { $old }
field-first-name = first name
field-last-name = last name
field-usernames = usernames
field-language = language

forget-sure = Shall I delete all that I keep about you? If you blocked me, I keep that, so that I stay silent. When you write to me again, we begin anew.
forget-yes = Delete it
forget-no = Keep it
forget-kept = Nothing was deleted.
forget-done = Deleted. If you write to me again, we begin anew.

## Requests to join

join-hello = Hello, { $name }! You asked to join { $chat }. { join-hello-more }
join-hello-nameless = Hello! You asked to join { $chat }. { join-hello-more }
join-hello-more = I look after the requests there, and that is why I may write to you, although you have not written to me.
join-chat = “{ $title }”
join-a-chat = a chat
join-next-never = An admin of the chat will decide. If you have a question meanwhile, write to me here.
join-next-always = I let you in right away. If you have a question, write to me here.
join-next-after-start = Send me /start, or anything else, and I let you in.
join-admitted = { $chats ->
    [one] You are in: I have approved your request.
   *[other] You are in: I have approved your { $chats } requests.
}

## Write access

allowed-hello = Hello, { $name }! { $why } { allowed-hello-more }
allowed-hello-nameless = Hello! { $why } { allowed-hello-more }
allowed-hello-more = You can block me at any time. /help shows what I understand.
allowed-why = You let me write to you.
allowed-why-domain = You let me write to you when you logged in on { $detail }.
allowed-why-app = You let me write to you when you opened the mini app.
allowed-why-attach = You let me write to you when you put me into your attachment menu.
allowed-why-request = You let me write to you when the mini app asked.

## The bot’s profile

# Empty texts here leave what the profile has. At most 120 characters.
profile-about = I answer in private chats, and write only to those who let me.
# At most 512 characters: what is read above the button that starts the bot.
profile-description =
    Hello! Press Start, and we can talk.

    I write to nobody who did not let me. /privacy shows what I keep, /forget deletes it, and when you block me, I am silent.

command-start = begin, or begin again
command-help = what I understand
command-language = the language I speak to you
command-privacy = what I keep about you
command-forget = delete what I keep about you
command-resolve = who is it, and may I write to them
command-whois = the same for the author of a message
command-check = the same, asked of Telegram now
command-stats = how many people I know
command-link = links to me

## Commands for admins: links

link-usage =
    Links to me:
    /link start payload
    /link group payload right right
    /link channel right right
    /link sign number or word
    The payload and the rights may be left out; - stands for no payload.
link-told =
    In a browser: { $web }
    In the app: { $app }
link-typed =
    To type, where an app drops it: { $typed }
link-unreadable = I cannot make a link of that: { $reason }.
link-no-name = I have no username, so there is no link to me.

## Login

login-title = Log in with { $bot }
login-why = One press, and { $domain } knows who you are. No new password, no form.
login-no-script = The button needs JavaScript, which is switched off in this browser.
login-gives-name = Your name, username and picture are shown to this page.
login-gives-writing = { $bot } may write to you, if you leave that ticked. You can block it at any time.
login-gives-no-more = Your phone number and your chats stay with Telegram.
login-instead = Or open the chat in Telegram:
login-footer = Telegram asks you before anything is passed on.
login-done = Hello, { $name }!
login-done-nameless = You are logged in
login-done-greeted = You are logged in on { $domain }, and { $bot } has just written to you.
login-done-open = You are logged in on { $domain }. To hear from { $bot }, open the chat and press Start.
login-open-chat = Open the chat
login-again = Log in again
login-to-start = To the login page
login-absent = There is nothing here
login-trouble = Something went wrong on our side, and your login was not taken. Please try again in a moment.
login-refused = That login was not accepted
login-refused-unreadable = The address of this page is damaged: it cannot be read as a login. Nothing was recorded.
login-refused-unknown = The login has a field that Telegram does not send: “{ $field }”. Nothing was recorded.
login-refused-twice = The login names “{ $field }” twice. Nothing was recorded.
login-refused-missing = The login lacks “{ $field }”. Nothing was recorded.
login-refused-malformed = The login’s “{ $field }” is not what it can be. Nothing was recorded.
login-refused-forged = Telegram’s signature does not fit this login: it was altered, or made for another bot. Nothing was recorded.
login-refused-old = This login is too old. Nothing was recorded.
login-refused-future = This login is dated in the future: some clock is wrong. Nothing was recorded.
login-refused-used = This login was used already; each works once. If that was you, you are logged in.
login-hello = Hello, { $name }! You have just logged in on { $domain }. { login-hello-more }
login-hello-nameless = Hello! You have just logged in on { $domain }. { login-hello-more }
login-hello-more =
    So I may write to you, and you to me.
    If that was not you, block me here and log out of that site in Telegram: Settings → Privacy → Logged in with Telegram.

    /help shows what I understand.
