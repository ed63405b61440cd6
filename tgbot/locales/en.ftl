# Everything that people read from the bot, in English. Other languages have the same texts under the same names.
# Names of people are inserted as they are: the bot sends plain text, so nothing in a name is formatting.

## Starting

start-hello = Hello, { $name }! { start-hello-more }
start-hello-nameless = Hello! { start-hello-more }
start-hello-more =
    I am glad you are here.
    This chat is open now: write to me whenever you like. You can block me at any time; then I stay silent until you come back.

    /help shows what I understand.

start-welcome-back = Welcome back, { $name }! { start-welcome-back-more }
start-welcome-back-nameless = Welcome back! { start-welcome-back-more }
start-welcome-back-more =
    We already know each other, so just go on.

    /help shows what I understand.

start-group = Hello! I only talk in private chats. Please write to me there.
start-add-to-group = Add me to a group

## Help

# { $commands } are lines such as “/start – start, or start again”.
help =
    Hello! I am a bot, and this is what I understand:

    { $commands }

    You are welcome to write anything else, too.

help-admin =
    You are an admin here, so you can also use:

    { $commands }

## Commands for admins: what was asked for

admin-usage =
    Whom do you mean? You can send:
    { $command } @name
    { $command } t.me/name
    { $command } tg://resolve?domain=name
    { $command } 123456789
    or { $command } in reply to their message, or to one that you forwarded to me.

admin-unreadable = I cannot read “{ $what }” as a name, a link or an id.
admin-phone-number = “{ $what }” is a phone number, and Telegram shows no bot whose it is. Ask for their @name or id.
admin-invitation = “{ $what }” is an invitation to a chat: it tells only those who use it where it leads. Ask for the @name or id.
admin-no-such-name = I asked Telegram: nobody has the name { $what }.
admin-never-met = I have never met { $what }. I looked in my session and asked Telegram for the id without an access hash. I know people once they have written to me. I can also look them up by their @name.
admin-hidden-forward = The author hides their account in forwarded messages. I looked at the forwarded message: it contains only the name “{ $name }”, and I cannot find anybody by that. Ask for their @name or id.
admin-no-message = Telegram no longer shows me the message that you replied to.
admin-budget-spent = { $what } is not in my session, and I have used up the { $limit } names that Telegram lets me look up per day. Please ask again tomorrow.
admin-wait = Telegram asks me to wait. Please ask again in { $seconds } s.
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
peer-language-unknown = language: unknown
peer-write = may I write: { $access }
peer-since = { $access }, since { $when } – { $evidence }
peer-until = { $line }, until { $until }
peer-known = known since: { $when }; { $ways }
peer-allowed = they allowed it: { $when } – { $evidence }
peer-history-cleared = they blocked me { $when }: apps clear the chat then, so they may not see older messages
peer-found-session = found: in my session
peer-found-session-name = found: in my session; the name was theirs { $age }
peer-found-telegram = found: I asked Telegram just now
peer-found-outdated = found: in my session; the name was theirs { $age }. I have used up the { $limit } look-ups of the day, so it may belong to somebody else now

access-reachable = yes
access-blocked = no, they blocked me
access-deactivated = no, the account is deleted
access-bot = no, a bot cannot write to bots
access-not-allowed = no, they never allowed it
access-unknown = unknown, /check will ask

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
evidence-write-access = they allowed me to write
evidence-write-access-domain = they allowed me to write when they logged in on { $detail }
evidence-write-access-app = they allowed me to write when they opened a mini app from a link
evidence-write-access-attach = they allowed me to write when they added me to their attachment menu
evidence-write-access-request = they allowed me to write when a mini app asked
evidence-login = they logged in on { $detail }
evidence-deleted = the account was deleted
evidence-is-bot = their profile says so
evidence-privacy-premium-required = Telegram answered PRIVACY_PREMIUM_REQUIRED
evidence-allow-payment-required = Telegram answered ALLOW_PAYMENT_REQUIRED, { $detail } stars
evidence-you-blocked-user = Telegram answered YOU_BLOCKED_USER

## Commands for admins: numbers

stats =
    Users: { $total }
    reachable: { $reachable }
    blocked me: { $blocked }
    deleted: { $deactivated }
    bots: { $bot }
    never allowed me: { $not_allowed }
    unknown: { $unknown }
    Names looked up in the last 24 hours: { $resolves } of { $limit }

## Commands for admins: a sweep

sweep-usage =
    I cannot read “{ $what }”. You can send:
    /sweep
    /sweep 7d – without those whose access I have known for less than 7 days
    /sweep unknown, blocked – only those with this access
sweep-running = I am asking Telegram for each of my users whether I may write to them. They notice nothing but “typing…”.
sweep-paused = The sweep is paused.
sweep-finished = The sweep is finished.
sweep-cancelled = The sweep is cancelled.
sweep-numbers = Looked at { $looked } of { $total }: { $probed } probed, { $skipped } skipped.
sweep-change = { $before } → { $after }: { $n }
sweep-no-change = Nobody’s access has changed.
sweep-error = { $error }: { $n }
sweep-pause = Pause
sweep-resume = Go on
sweep-cancel = Cancel

reach-reachable = reachable
reach-blocked = blocked me
reach-deactivated = deleted
reach-bot = bots
reach-not-allowed = never allowed me
reach-unknown = unknown

## Commands for admins: a broadcast

broadcast-usage =
    To send a message to many people, reply to it with /broadcast. I show you what they will get, and nothing is sent before you say so.
    /broadcast ru, de – only to those who speak one of these languages
    Buttons, texts in several languages, a time to begin and more: tgbot broadcast --help, on the command line.
broadcast-no-language = I cannot read “{ $what }” as codes of languages. You can reply to a message with /broadcast, or with /broadcast ru, de to send it only to those who speak one of these languages.
broadcast-list = The latest broadcasts:

broadcast-draft = A draft: nothing is sent yet. Test sends it to you, as people will get it.
broadcast-scheduled = It begins at { $at }.
broadcast-running = I am sending it.
broadcast-running-edit = I am editing what was delivered.
broadcast-running-delete = I am deleting what was delivered.
broadcast-paused = It is paused.
broadcast-done = It is done.
broadcast-cancelled = It is cancelled.

# The same in a word, behind the name of a broadcast.
broadcast-short-draft = draft
broadcast-short-scheduled = scheduled
broadcast-short-running = running
broadcast-short-paused = paused
broadcast-short-done = done
broadcast-short-cancelled = cancelled

broadcast-reason = Why: { $reason }
broadcast-at = It begins at { $at }.
broadcast-until = It ends at { $at } at the latest.
broadcast-languages = Only to those who speak: { $languages }
broadcast-narrowed = Only to some of them: tgbot broadcast status { $id } shows the conditions.
broadcast-recipients = { $n ->
    [one] One person gets it, in { $time }.
   *[other] { $n } people get it, in about { $time }.
}
broadcast-rate = Per second: { $rate }
broadcast-text = In the language “{ $code }”: { $n }
broadcast-left-out = Who does not get it:
broadcast-not-in-audience = not in the audience
broadcast-number = { $what }: { $n }
broadcast-price = It costs up to { $stars } stars.
broadcast-start-question = { $n ->
    [one] Send it to one person?
   *[other] Send it to { $n } people?
}
broadcast-takes = It takes about { $time }.

broadcast-delivered = Delivered: { $sent } of { $audience } ({ $percent } %)
broadcast-error = – { $error }: { $n }
broadcast-left = Not sent yet: { $n }
broadcast-not-sent = Not sent: { $n }
broadcast-clicks = Used the button “{ $button }”: { $n }
broadcast-took = Time from the start to the end: { $time }
broadcast-corrected-edit = Edited: { $n }, refused: { $refused }, left: { $left }
broadcast-corrected-delete = Deleted: { $n }, refused: { $refused }, left: { $left }
broadcast-eta = Time left: about { $time }
broadcast-flood = Telegram asks me to wait: { $time }
broadcast-behind = It waits until broadcast { $id } has ended.
broadcast-cancel-question = { $n ->
    [0] Cancel it for good?
    [one] Cancel it for good? One person would not get it.
   *[other] Cancel it for good? { $n } people would not get it.
}

broadcast-button-test = Test
broadcast-button-plan = Plan
broadcast-button-start = Start
broadcast-button-drop = Cancel
broadcast-button-yes = Yes, send it
broadcast-button-no = No
broadcast-button-pause = Pause
broadcast-button-resume = Go on
broadcast-button-cancel = Cancel
broadcast-button-end = Yes, cancel it
broadcast-button-report = Report
broadcast-button-late = Send it to those it did not reach in time

# Short words over the chat, at most 200 characters.
broadcast-tested = Sent to you.
broadcast-now = Not any more. This broadcast: { $state }
broadcast-changed = The draft was changed meanwhile. Test it, then start it again.
broadcast-nobody = There is nobody to send it to.
broadcast-unknown = There is no broadcast { $id } any more.
broadcast-report-begun = I am making the report.
broadcast-report-making = I am making it already.

broadcast-table = What came of each delivery.
broadcast-no-chart =
    There is no chart: matplotlib is not installed where I run, or it failed. The numbers:

    { $numbers }
broadcast-no-table = I cannot make the table: { $reason }.

broadcast-refused = That is not possible: { $reason }
broadcast-uncopied-hidden = Telegram does not show me that message ({ $detail }): I may not be a member of its chat. Forward it to me, and reply to that.
broadcast-uncopied-gone = That message does not exist any more.
broadcast-uncopied-service = That is a message of Telegram’s own: it cannot be sent again.
broadcast-uncopied-kind = That message holds something that cannot be sent again ({ $detail }).
broadcast-uncopied-changed = The album of that message has changed since the start. Make a new broadcast.
broadcast-uncopied-vanishing = The picture or video of that message deletes itself: it cannot be sent again.
broadcast-uncopied-file = The file of that message is gone.
broadcast-uncopied-empty = There is nothing in that message that can be sent.
broadcast-uncopied-long = The text of that message is longer than a bot may send. Shorten it.
broadcast-uncopied-other = That message cannot be sent again.

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
duration-seconds = { $n } s
duration-minutes = { $n } min
duration-hours = { $n } h { $minutes } min
duration-days = { $n } d { $hours } h
moment = { $ago } ({ $date })

## Who writes too often

throttled = Too many messages at once. I will answer again in { $wait }.

## News for admins

lost-difference-too-long = ⚠️ Telegram no longer had all updates since I was last connected. Some messages, blocks and unblocks from that time are lost. Use /check to find out whether I may write to a person.
lost-difference-refused = ⚠️ Telegram refuses to send me the updates from the time when I was away, so some messages may stay unanswered. I answer everything that comes from now on.
lost-unreadable = { $n ->
    [one] ⚠️ Telegram sent me an update that I cannot read. It is lost: if it was a message, it stays unanswered. I handle everything else as usual.
   *[other] ⚠️ Telegram sent me { $n } updates that I cannot read. They are lost: messages among them stay unanswered. I handle everything else as usual.
}
lost-hole = { $n ->
    [one] ⚠️ Telegram counted an update that it does not send me. It is lost: if it was a message, it stays unanswered. I handle everything else as usual.
   *[other] ⚠️ Telegram counted { $n } updates that it does not send me. They are lost: messages among them stay unanswered. I handle everything else as usual.
}
took-over = ⚠️ The node { $node } fell silent while it led me. Another one leads now: nobody is left without an answer, or gets one twice.
database-begun = ⚠️ My database cannot be reached. I answer only for as long as my lease lasts.
database-over = ✅ My database can be reached again.
deafness-over = { $n ->
    [one] ⚠️ For a while Telegram’s updates did not reach me, although there was a link. I have made a fresh one and fetched them: nobody is left without an answer.
   *[other] ⚠️ { $n } times Telegram’s updates did not reach me for a while, although there was a link. Each time I have made a fresh one and fetched them: nobody is left without an answer.
}
errors-begun = ⚠️ My handlers fail: { $n } times within five minutes, most often in { $plugin }. What failed is put aside. See it with: tgbot parked list
errors-over = ✅ For five minutes no handler of mine has failed. Once the mistake is corrected, have me handle again what I put aside: tgbot parked retry --all
forget-failed = { $n ->
    [one] ⚠️ A person used /forget, and the plugin { $plugin } could not delete what it keeps of them. What I keep myself is deleted. My log has the person’s id.
   *[other] ⚠️ { $n } people used /forget, and the plugin { $plugin } could not delete what it keeps of them. What I keep myself is deleted. My log has their ids.
}
disk-begun = ⚠️ The disk with my files is nearly full: { $free } MiB are left. Make room: without any I cannot save, and I stop.
disk-over = ✅ There is room again on the disk with my files: { $free } MiB.
backup-begun = ⚠️ The last backup of my files failed: { $reason }
backup-over = ✅ A backup of my files has succeeded again.
readiness-begun = ⚠️ For { $minutes ->
    [one] a minute
   *[other] { $minutes } minutes
} I have not been well: { $reason }.
readiness-over = ✅ I am well again. For { $minutes ->
    [one] a minute
   *[other] { $minutes } minutes
} I was not: { $reason }.
lost-poison = { $n ->
    [one] ⚠️ I ended twice in a row while I handled the same update, so I have put it aside. I answer everybody else. See it with: tgbot parked list
   *[other] ⚠️ I ended twice in a row while I handled the same update. It happened with { $n } updates, and I have put them aside. I answer everybody else. See them with: tgbot parked list
}

## How somebody became known

known = { $way } ({ $date })
known-message = a message
known-username = a search by username
known-id = a search by id
known-join-request = a request to join
known-login = a permission to write
known-difference = updates that I had missed
known-group = a group
known-update = an update
known-answer = an answer from Telegram
known-import = an import
known-otherwise = another way

## Language

# The name of this language in this language.
language-name = English
language-choose = Which language should I use with you?
language-app = The language of my app
language-chosen = Done. I will use this language.
language-gone = I no longer speak this language.

## News: messages that go to many people

news-on = You will get news from me. I will tell you when there is something new.
news-off = I will send you no more news. Everything else works as before: I answer when you write to me.
news-button-on = Send me news again
news-button-off = No more news
# Short words over the chat, at most 200 characters.
news-notice-on = Done. You will get news from me.
news-notice-off = Done. No more news. /news turns them on again.

## The chart of a broadcast, for admins

# Numbers come as they are shown, $time as hours:minutes:seconds.
chart-title = Broadcast { $id } – { $name }
chart-title-nameless = Broadcast { $id }
chart-summary = { $sent } of { $turns } delivered ({ $percent } %) in { $time }, { $rate } per second
chart-left = { $left } without a turn
chart-nothing = Nothing has been delivered yet
chart-over-time = Recipients over time
chart-time = Time ({ $zone })
chart-by-language = Recipients by language of the text
chart-bar = { $turns }, { $percent } % delivered
chart-language-default = default
chart-language-none = none
chart-language-others = { $n } others

outcome-sent = delivered
outcome-blocked = blocked me
outcome-deactivated = account deleted
outcome-not-allowed = do not allow me
outcome-failed = refused otherwise
outcome-no-news = want no news
outcome-not-in-time = not in time
outcome-forgotten = had everything deleted

## Privacy

privacy-kept =
    I store what Telegram tells me about you, so that I can answer you and know whether I may write to you. I do not store the text of messages, except of those that I failed to handle, for 30 days at most. Nobody else gets this data.
privacy-nothing = I store nothing about you.
privacy-forget = /forget deletes all of it.
privacy-name = name: { $name }
privacy-premium = Telegram Premium: yes
privacy-language = language of your app: { $spoken }
privacy-language-chosen = language you chose: { $spoken }
privacy-no-news = you asked me not to send you news
privacy-first-seen = first seen: { $when }
privacy-last-seen = last seen: { $when }
privacy-known = how I know you: { $ways }
privacy-payload = links that brought you here: first { $first }, last { $last }
privacy-write-yes = I have been allowed to write to you since: { $when }
privacy-write-no = I have not been allowed to write to you since: { $when }
privacy-block = you last blocked me: { $when }
privacy-join-requests = { $n ->
    [one] your open request to join: { $n }
   *[other] your open requests to join: { $n }
}
privacy-parked = { $n ->
    [one] your message or event that I failed to handle and keep for another try: { $n }
   *[other] your messages or events that I failed to handle and keep for another try: { $n }
}
# $names are the plugins' own names of what they will do; $date is when they do the next of it.
privacy-planned = { $n ->
    [one] planned for you: { $n } ({ $names }), on { $date }
   *[other] planned for you: { $n } ({ $names }), the next on { $date }
}
privacy-messages = number of your last message that I handled: { $last }
privacy-access-hash = a number from Telegram that lets me write to you
privacy-changes = { $n ->
    [one] { $n } earlier value:
   *[other] { $n } earlier values, the latest ones:
}
privacy-change = { $date }: { $what } was { $old }
# $plugin is the name of a part of the bot, $data what it keeps as JSON, cut if it is long.
privacy-data = kept by { $plugin }: { $data }
# $talk is the bot's own name of a conversation, $when its beginning, $n how much of it is kept.
privacy-talk = { $n ->
    [0] our conversation { $talk }, begun { $when }: no answers yet
    [one] our conversation { $talk }, begun { $when }: { $n } answer
   *[other] our conversation { $talk }, begun { $when }: { $n } answers
}
privacy-talk-over = our conversation { $talk }, begun { $when }: it has ended, and only the number of its last message is kept
field-first-name = first name
field-last-name = last name
field-usernames = usernames
field-language = language

forget-sure = Should I delete everything that I store about you? If you blocked me, I remember only that, so that I stay silent. When you write to me again, we start from the beginning.
forget-yes = Delete it
forget-no = Keep it
forget-kept = Nothing was deleted.
forget-done = Everything is deleted. If you write to me again, we start from the beginning.

## Requests to join

join-hello = Hello, { $name }! You asked to join { $chat }. { join-hello-more }
join-hello-nameless = Hello! You asked to join { $chat }. { join-hello-more }
join-hello-more = I handle the requests there, so I may write to you although you have not written to me.
join-chat = “{ $title }”
join-a-chat = a chat
join-next-never = An admin of the chat will decide. If you have a question in the meantime, write to me here.
join-next-always = I approve requests there myself, so there is nothing for you to do. If you have a question, write to me here.
join-next-after-start = Send me /start or anything else, and I will approve your request.
join-admitted = You are in: I have approved your request to join { $chat }.
join-gone = I cannot let you into { $chat }: it no longer exists, or I am no longer in it. If you know an admin of it, ask them for a new link.
join-no-right = I cannot let you into { $chat }: I have not been given the right to. An admin of the chat will decide about your request.
join-too-many = I cannot let you into { $chat }: you are in as many groups and channels as Telegram allows. Leave one of them, and ask an admin of the chat to approve your request.
join-refused = I cannot let you into { $chat }: Telegram does not allow it. An admin of the chat can still approve your request.

# To the admins of the bot.
right-missing = ⚠️ People ask to join { $chat } (id { $id }), and I cannot let them in: I am not an admin there with the right to add users. I do not try their requests again; an admin of the chat has to answer them.

## Write access

allowed-hello = Hello, { $name }! { $why } { allowed-hello-more }
allowed-hello-nameless = Hello! { $why } { allowed-hello-more }
allowed-hello-more = You can block me at any time. /help shows what I understand.
allowed-why = You allowed me to write to you.
allowed-why-domain = You allowed me to write to you when you logged in on { $detail }.
allowed-why-app = You allowed me to write to you when you opened the mini app.
allowed-why-attach = You allowed me to write to you when you added me to your attachment menu.
allowed-why-request = You allowed me to write to you when the mini app asked.

## The bot’s profile

# An empty text leaves the profile as it is. At most 120 characters.
profile-about = I answer in private chats and write only to people who allow it.
# At most 512 characters: people read it above the button that starts the bot.
profile-description =
    Hello! Press Start, and we can talk.

    I write only to people who allow it. /privacy shows what I store about you, /forget deletes it. If you block me, I stay silent.

command-start = start, or start again
command-help = what I understand
command-language = the language I use with you
command-news = send me news again
command-stop_news = send me no more news
command-privacy = what I store about you
command-forget = delete what I store about you
command-resolve = by @name, link or id: who this is, and whether I may write to them
command-whois = the same for the author of a message that you reply to
command-check = the same, after asking Telegram whether I may write
command-stats = how many people I know
command-sweep = ask Telegram for each of my users whether I may write to them
command-broadcast = in reply to a message: send it to many people
command-link = links that start a chat with me or add me to a group

## Commands for admins: links

link-usage =
    Links to me:
    /link start payload
    /link group payload right right
    /link channel right right
    /link sign number or word
    You can leave out the payload and the rights; type - for no payload.
link-made =
    In a browser: { $web }
    In the app: { $app }
link-typed =
    If an app loses the payload, type: { $typed }
link-unreadable = I cannot make a link from that: { $reason }
link-no-name = I have no username, so there is no link to me.

## The page to log in, which may use $bot and $domain in every text

login-title = Log in with { $bot }
login-why = Log in to { $domain } with one click. You need no new password and no form.
login-no-script = The button needs JavaScript, which is turned off in this browser.
login-no-button = The button does not load: { $server } cannot be reached from here, or something in this browser blocks it. Reload this page later, or open the chat below.
login-gives-name = This page will see your name, username and photo.
login-gives-writing = { $bot } may write to you if you leave that box checked. You can block it at any time.
login-gives-no-more = Your phone number and your chats stay with Telegram.
login-instead = Or open the chat in Telegram:
login-footer = Telegram asks you before it sends anything.
login-done = Hello, { $name }!
login-done-nameless = You are logged in
login-done-greeted = You are logged in on { $domain }, and { $bot } has just written to you.
login-done-open = You are logged in on { $domain }. To get messages from { $bot }, open the chat and press Start.
login-done-before = You have already logged in on { $domain }. Loading this page again changes nothing.
login-go-on = Continue
login-open-chat = Open the chat
login-again = Log in again
login-to-start = Go to the login page
login-absent = This page does not exist
login-trouble = Something went wrong on our side, and you are not logged in. Please try again in a moment.
login-refused = This login was not accepted
login-refused-unreadable = The address of this page is damaged, so it cannot be read as a login. Nothing was stored.
login-refused-twice = The login has the field “{ $field }” twice. Nothing was stored.
login-refused-missing = The login has no field “{ $field }”. Nothing was stored.
login-refused-malformed = The field “{ $field }” of the login has an impossible value. Nothing was stored.
login-refused-forged = Telegram’s signature does not match this login: it was changed, or it was made for another bot. Nothing was stored.
login-refused-old = This login is too old. Nothing was stored.
login-refused-future = The date of this login is in the future, so a clock is wrong. Nothing was stored.
login-refused-used = This login was already used. Each login works once. If it was you, you are logged in.
## The message after a login

login-hello = Hello, { $name }! You have just logged in on { $domain }. { login-hello-more }
login-hello-nameless = Hello! You have just logged in on { $domain }. { login-hello-more }
login-hello-more =
    Now I may write to you, and you can write to me.
    If this was not you, block me here and log out of that site in Telegram: Settings → Privacy → Logged in with Telegram.

    /help shows what I understand.

## Talks: conversations of plugins

talk-again-text = I need a text here. Please write it, or send /cancel to stop.
talk-again-choice = Please press one of the buttons above, or write what is on one of them. /cancel stops this.
talk-again-photo = I need a photo here. Please send one, or send /cancel to stop.
talk-again-file = I need a file here. Please send one, or send /cancel to stop.
talk-again-contact = I need a contact here. Please send one, or send /cancel to stop.
talk-again-location = I need a place on the map here. Please send a location, or send /cancel to stop.
talk-cancelled = All right, we stop here.
talk-expired = I did not hear from you, so we stop here. You can begin again at any time.
talk-changed = I have changed since we began this, and cannot go on with it. I am sorry. Please begin again.
talk-open = We are in the middle of something. Please answer the question above first, or send /cancel to stop.
talk-press-old = This question is no longer open.
talk-press-gone = This choice is no longer offered.
