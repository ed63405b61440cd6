# Всё, что люди читают от бота, по-русски.

## Начало

start-hello = Здравствуйте, { $name }! { start-hello-more }
start-hello-nameless = Здравствуйте! { start-hello-more }
start-hello-more =
    Рад вас видеть.
    Теперь этот чат открыт: пишите, когда захочется. Заблокировать меня можно в любой момент, тогда я промолчу, пока вы не вернётесь.

    /help – что я понимаю.

start-welcome-back = С возвращением, { $name }! { start-welcome-back-more }
start-welcome-back-nameless = С возвращением! { start-welcome-back-more }
start-welcome-back-more =
    Мы уже знакомы, просто продолжайте.

    /help – что я понимаю.

start-group = Здравствуйте! Я разговариваю только в личных чатах. Пожалуйста, напишите мне туда.
start-add-to-group = Добавить меня в группу

## Справка

# { $commands } – строки вида «/start – начать, можно и снова».
help =
    Здравствуйте! Я бот, и вот что я понимаю:

    { $commands }

    Всему остальному, что вы напишете, я тоже рад.

help-admin =
    Вы здесь администратор, поэтому вам доступно и другое:

    { $commands }

## Команды администраторов: кого искать

admin-usage =
    Кого вы имеете в виду? Можно прислать:
    { $command } @имя
    { $command } t.me/имя
    { $command } tg://resolve?domain=имя
    { $command } 123456789
    или { $command } в ответ на сообщение этого человека или на пересланное мне.

admin-unreadable = Не могу прочесть «{ $what }» как имя, ссылку или id.
admin-no-such-name = Я спросил Telegram: имя { $what } никому не принадлежит.
admin-never-met = { $what } мне не встречался. Я посмотрел в своей сессии и спросил Telegram об этом id без access hash. Я знаю тех, кто мне написал. Ещё могу найти человека по @имени.
admin-hidden-forward = Автор скрывает аккаунт в пересланных сообщениях. Я посмотрел на пересланное сообщение: в нём только имя «{ $name }», а по нему никого не найти. Спросите @имя или id.
admin-no-message = Telegram больше не показывает мне сообщение, на которое вы ответили.
admin-budget-spent = { $what } нет в моей сессии, а { $limit } имён в день, которые Telegram разрешает искать, я уже израсходовал. Пожалуйста, спросите завтра.
admin-wait = Telegram просит подождать. Пожалуйста, спросите снова через { $seconds } с.
admin-refused = Telegram отказал: { $error }.

## Команды администраторов: кто это

peer-user = 👤 { $name }
peer-bot = 🤖 { $name } – бот
peer-group = 👥 { $name } – группа, не человек
peer-channel = 📣 { $name } – канал, не человек
peer-nameless = (без имени)
peer-id = id: { $id }
peer-usernames = имена пользователя: { $names }
peer-no-usernames = имена пользователя: нет
peer-language = язык: { $spoken }
peer-language-unknown = язык: неизвестен
peer-write = можно ли писать: { $access }
peer-since = { $access }, с момента: { $when } – { $evidence }
peer-until = { $line }, до { $until }
peer-known = знаком с момента: { $when }; { $ways }
peer-allowed = разрешение: { $when } – { $evidence }
peer-history-cleared = бот был заблокирован { $when }: приложения при этом очищают чат, поэтому старых сообщений может быть не видно
peer-found-session = найден: в моей сессии
peer-found-session-name = найден: в моей сессии; имя принадлежало ему { $age }
peer-found-telegram = найден: я только что спросил Telegram
peer-found-outdated = найден: в моей сессии; имя принадлежало ему { $age }. { $limit } поисков на день израсходованы, поэтому теперь оно может принадлежать другому

access-reachable = да
access-blocked = нет, бот заблокирован
access-deactivated = нет, аккаунт удалён
access-bot = нет, бот не может писать ботам
access-not-allowed = нет, разрешения не было
access-unknown = неизвестно, /check спросит

evidence-message = пришло сообщение от пользователя
evidence-start = пользователь запустил бота
evidence-bot-stopped = Telegram сообщил о блокировке
evidence-bot-unblocked = Telegram сообщил о разблокировке
evidence-action-accepted = Telegram принял «печатает…»
evidence-sent = Telegram принял сообщение
evidence-user-is-blocked = Telegram ответил USER_IS_BLOCKED
evidence-input-user-deactivated = Telegram ответил INPUT_USER_DEACTIVATED
evidence-peer-id-invalid = Telegram ответил PEER_ID_INVALID
evidence-user-is-bot = Telegram ответил USER_IS_BOT
evidence-chat-write-forbidden = Telegram ответил CHAT_WRITE_FORBIDDEN
evidence-join-request = заявка на вступление в чат, которым я управляю
evidence-join-request-closed = заявка на вступление закрыта
evidence-write-access = пользователь разрешил писать
evidence-write-access-domain = пользователь разрешил писать при входе на { $detail }
evidence-write-access-app = пользователь разрешил писать, открыв мини-приложение по ссылке
evidence-write-access-attach = пользователь разрешил писать, добавив меня в меню вложений
evidence-write-access-request = пользователь разрешил писать по просьбе мини-приложения
evidence-login = вход через { $detail }
evidence-deleted = аккаунт удалён
evidence-is-bot = так сказано в профиле
evidence-privacy-premium-required = Telegram ответил PRIVACY_PREMIUM_REQUIRED
evidence-allow-payment-required = Telegram ответил ALLOW_PAYMENT_REQUIRED, звёзд: { $detail }
evidence-you-blocked-user = Telegram ответил YOU_BLOCKED_USER

## Команды администраторов: числа

stats =
    Пользователей: { $total }
    можно писать: { $reachable }
    заблокировали меня: { $blocked }
    удалены: { $deactivated }
    боты: { $bot }
    не разрешали: { $not_allowed }
    неизвестно: { $unknown }
    Имён найдено через Telegram за сутки: { $resolves } из { $limit }

## Время

ago-now = только что
ago-minutes = { $n ->
    [one] { $n } минуту назад
    [few] { $n } минуты назад
   *[many] { $n } минут назад
}
ago-hours = { $n ->
    [one] { $n } час назад
    [few] { $n } часа назад
   *[many] { $n } часов назад
}
ago-days = { $n ->
    [one] { $n } день назад
    [few] { $n } дня назад
   *[many] { $n } дней назад
}
moment = { $ago } ({ $date })

## Новости для администраторов

lost-difference-too-long = ⚠️ У Telegram уже нет всех обновлений с тех пор, как я был на связи: часть сообщений, блокировок и разблокировок того времени потеряна. Можно ли писать человеку, покажет /check.
lost-difference-refused = ⚠️ Telegram не отдаёт то, что произошло, пока меня не было: часть сообщений за это время может остаться без ответа. Дальше отвечаю на всё, что приходит.
lost-unreadable = { $n ->
    [one] ⚠️ Telegram прислал { $n } обновление, которое я не могу прочесть. Оно потеряно: если это было сообщение, оно останется без ответа. Остальное обрабатываю как обычно.
    [few] ⚠️ Telegram прислал { $n } обновления, которые я не могу прочесть. Они потеряны: сообщения среди них останутся без ответа. Остальное обрабатываю как обычно.
   *[many] ⚠️ Telegram прислал { $n } обновлений, которые я не могу прочесть. Они потеряны: сообщения среди них останутся без ответа. Остальное обрабатываю как обычно.
}
lost-hole = { $n ->
    [one] ⚠️ У Telegram есть { $n } обновление, которое он мне не отдаёт. Оно потеряно: если это было сообщение, оно останется без ответа. Остальное обрабатываю как обычно.
    [few] ⚠️ У Telegram есть { $n } обновления, которые он мне не отдаёт. Они потеряны: сообщения среди них останутся без ответа. Остальное обрабатываю как обычно.
   *[many] ⚠️ У Telegram есть { $n } обновлений, которые он мне не отдаёт. Они потеряны: сообщения среди них останутся без ответа. Остальное обрабатываю как обычно.
}
lost-poison = { $n ->
    [one] ⚠️ Я дважды подряд аварийно завершился на одном и том же обновлении ({ $n }) и отложил его. Всем остальным отвечаю. Посмотреть: tgbot parked list
    [few] ⚠️ Я дважды подряд аварийно завершился на одном и том же обновлении. Таких обновлений { $n }, я их отложил. Всем остальным отвечаю. Посмотреть: tgbot parked list
   *[many] ⚠️ Я дважды подряд аварийно завершился на одном и том же обновлении. Таких обновлений { $n }, я их отложил. Всем остальным отвечаю. Посмотреть: tgbot parked list
}

## Вход

login-title = Вход через { $bot }
login-why = Войдите на { $domain } одним нажатием. Не нужны ни новый пароль, ни анкета.
login-no-script = Кнопке нужен JavaScript, а в этом браузере он выключен.
login-no-button = Кнопка не загружается: сервер { $server } отсюда недоступен, или его блокирует что-то в этом браузере. Обновите страницу позже или откройте чат по ссылке ниже.
login-gives-name = Эта страница увидит ваше имя, имя пользователя и фото.
login-gives-writing = { $bot } сможет вам писать, если вы оставите галочку. Заблокировать его можно в любой момент.
login-gives-no-more = Номер телефона и переписка остаются в Telegram.
login-instead = Или откройте чат в Telegram:
login-footer = Telegram спросит вас, прежде чем что-нибудь передать.
login-done = Здравствуйте, { $name }!
login-done-nameless = Вы вошли
login-done-greeted = Вы вошли на { $domain }, и { $bot } только что вам написал.
login-done-open = Вы вошли на { $domain }. Чтобы { $bot } мог вам писать, откройте чат и нажмите «Запустить».
login-done-before = Вы уже вошли на { $domain }. Повторная загрузка этой страницы ничего не меняет.
login-go-on = Продолжить
login-open-chat = Открыть чат
login-again = Войти ещё раз
login-to-start = На страницу входа
login-absent = Такой страницы нет
login-trouble = У нас что-то сломалось, и ваш вход не принят. Попробуйте, пожалуйста, чуть позже.
login-refused = Этот вход не принят
login-refused-unreadable = Адрес этой страницы повреждён, поэтому прочитать его как вход нельзя. Ничего не сохранено.
login-refused-twice = Поле «{ $field }» есть во входе дважды. Ничего не сохранено.
login-refused-missing = Во входе нет поля «{ $field }». Ничего не сохранено.
login-refused-malformed = У поля «{ $field }» невозможное значение. Ничего не сохранено.
login-refused-forged = Подпись Telegram к этому входу не подходит: он изменён или сделан для другого бота. Ничего не сохранено.
login-refused-old = Этот вход слишком давний. Ничего не сохранено.
login-refused-future = Дата этого входа в будущем: чьи-то часы идут неверно. Ничего не сохранено.
login-refused-used = Этот вход уже использован. Каждый действует один раз. Если это были вы, вы уже вошли.
login-hello = Здравствуйте, { $name }! Вы только что вошли на { $domain }. { login-hello-more }
login-hello-nameless = Здравствуйте! Вы только что вошли на { $domain }. { login-hello-more }
login-hello-more =
    Так что я могу писать вам, а вы мне.
    Если это были не вы, заблокируйте меня здесь и выйдите с того сайта в Telegram: Настройки → Конфиденциальность → Авторизованные сайты.

    /help – что я понимаю.
## Откуда знакомы

known = { $way } ({ $date })
known-message = по сообщению
known-username = по имени пользователя
known-id = по id
known-join-request = по заявке на вступление
known-login = по разрешению писать
known-difference = из пропущенного
known-group = по группе
known-update = из обновления
known-answer = из ответа Telegram
known-import = при переносе данных
known-otherwise = иначе

## Язык

# Название этого языка на нём самом.
language-name = Русский
language-choose = На каком языке мне с вами говорить?
language-app = Как в моём приложении
language-chosen = Готово. Буду говорить на этом языке.
language-gone = На этом языке я больше не говорю.

## Личные данные

privacy-kept =
    Я храню то, что Telegram сообщает мне о вас, чтобы отвечать вам и знать, можно ли вам писать. Тексты сообщений я не храню, кроме тех, которые не смог обработать, — не дольше 30 дней. Никто другой этого не получает.
privacy-nothing = О вас я ничего не храню.
privacy-forget = /forget всё это удалит.
privacy-name = имя: { $name }
privacy-premium = Telegram Premium: есть
privacy-language = язык вашего приложения: { $spoken }
privacy-language-chosen = выбранный вами язык: { $spoken }
privacy-first-seen = впервые замечены: { $when }
privacy-last-seen = последний раз замечены: { $when }
privacy-known = откуда я вас знаю: { $ways }
privacy-payload = ссылки, по которым вы пришли: первая { $first }, последняя { $last }
privacy-write-yes = писать вам можно с момента: { $when }
privacy-write-no = писать вам нельзя с момента: { $when }
privacy-block = последняя блокировка: { $when }
privacy-join-requests = { $n ->
    [one] ваша открытая заявка на вступление: { $n }
    [few] ваши открытые заявки на вступление: { $n }
   *[many] ваши открытые заявки на вступление: { $n }
}
privacy-parked = { $n ->
    [one] ваше сообщение или событие, которое я не смог обработать и храню для новой попытки: { $n }
    [few] ваши сообщения или события, которые я не смог обработать и храню для новой попытки: { $n }
   *[many] ваши сообщения или события, которые я не смог обработать и храню для новой попытки: { $n }
}
privacy-messages = номер последнего обработанного сообщения: { $last }
privacy-access-hash = число от Telegram, по которому я могу вам писать
privacy-changes = { $n ->
    [one] { $n } изменение:
    [few] { $n } изменения, последние из них:
   *[many] { $n } изменений, последние из них:
}
privacy-change = { $date }: { $what }, раньше: { $old }
field-first-name = имя
field-last-name = фамилия
field-usernames = имена пользователя
field-language = язык

forget-sure = Удалить всё, что я о вас храню? Если вы заблокировали меня, я запомню только это, чтобы молчать. Когда вы снова напишете, начнём с начала.
forget-yes = Удалить
forget-no = Оставить
forget-kept = Ничего не удалено.
forget-done = Всё удалено. Если вы снова напишете, начнём с начала.

## Заявки на вступление

join-hello = Здравствуйте, { $name }! Вы подали заявку на вступление в { $chat }. { join-hello-more }
join-hello-nameless = Здравствуйте! Вы подали заявку на вступление в { $chat }. { join-hello-more }
join-hello-more = Я разбираю там заявки, поэтому могу вам написать, хотя вы мне ещё не писали.
join-chat = «{ $title }»
join-a-chat = один из чатов
join-next-never = Решит администратор чата. Если пока есть вопрос, напишите мне сюда.
join-next-always = Заявки туда я одобряю сам, так что от вас ничего не нужно. Если есть вопрос, напишите мне сюда.
join-next-after-start = Отправьте мне /start или что угодно ещё, и я одобрю вашу заявку.
join-admitted = Вы приняты: я одобрил вашу заявку на вступление в { $chat }.
join-gone = Не могу впустить вас в { $chat }: чата больше нет, или меня в нём уже нет. Если знаете кого-то из администраторов, попросите у них новую ссылку.
join-no-right = Не могу впустить вас в { $chat }: у меня нет на это права. Вашу заявку рассмотрит администратор чата.
join-too-many = Не могу впустить вас в { $chat }: вы состоите в стольких группах и каналах, сколько разрешает Telegram. Выйдите из какого-нибудь и попросите администратора чата одобрить заявку.
join-refused = Не могу впустить вас в { $chat }: Telegram этого не разрешает. Вашу заявку ещё может одобрить администратор чата.

# Администраторам бота.
right-missing = ⚠️ Люди просятся в { $chat } (id { $id }), а впустить их я не могу: у меня там нет права добавлять участников. Эти заявки я больше не трогаю, на них должен ответить администратор чата.

## Разрешение писать

allowed-hello = Здравствуйте, { $name }! { $why } { allowed-hello-more }
allowed-hello-nameless = Здравствуйте! { $why } { allowed-hello-more }
allowed-hello-more = Заблокировать меня можно в любой момент. /help – что я понимаю.
allowed-why = Вы разрешили мне писать вам.
allowed-why-domain = Вы разрешили мне писать вам при входе на { $detail }.
allowed-why-app = Вы разрешили мне писать вам, открыв мини-приложение.
allowed-why-attach = Вы разрешили мне писать вам, добавив меня в меню вложений.
allowed-why-request = Вы разрешили мне писать вам по просьбе мини-приложения.

## Профиль бота

# Пустой текст здесь оставляет то, что в профиле уже есть. Не больше 120 знаков.
profile-about = Отвечаю в личных чатах и пишу только тем, кто разрешил.
# Не больше 512 знаков: это читают над кнопкой, которая запускает бота.
profile-description =
    Здравствуйте! Нажмите «Запустить», и поговорим.

    Я не пишу тем, кто этого не разрешал. /privacy покажет, что я храню, /forget удалит это, а если вы меня заблокируете, я молчу.

command-start = начать, можно и снова
command-help = что я понимаю
command-language = на каком языке мне говорить
command-privacy = что я о вас храню
command-forget = удалить то, что я о вас храню
command-resolve = по @имени, ссылке или id: кто это и можно ли ему писать
command-whois = то же об авторе сообщения, на которое вы отвечаете
command-check = то же, но сначала спрошу Telegram, можно ли писать
command-stats = сколько людей я знаю
command-link = ссылки, с которых начинается чат со мной или которые добавляют меня в группу

## Команды администраторов: ссылки

link-usage =
    Ссылки на меня:
    /link start payload
    /link group payload право право
    /link channel право право
    /link sign число или слово
    Payload и права можно опустить; введите -, если payload нет.
link-made =
    В браузере: { $web }
    В приложении: { $app }
link-typed =
    Если приложение теряет payload, наберите: { $typed }
link-unreadable = Такой ссылки не сделать: { $reason }
link-no-name = У меня нет имени пользователя, поэтому и ссылки на меня нет.

