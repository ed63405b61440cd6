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
admin-phone-number = «{ $what }» – номер телефона, а чей он, Telegram ботам не сообщает. Спросите @имя или id.
admin-invitation = «{ $what }» – приглашение в чат: куда оно ведёт, узнает только тот, кто им воспользуется. Спросите @имя или id.
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

## Команды администраторов: обход

sweep-usage =
    Не могу прочитать «{ $what }». Можно отправить:
    /sweep
    /sweep 7d – без тех, о чьём доступе я знаю меньше 7 дней
    /sweep unknown, blocked – только с таким доступом
sweep-running = Спрашиваю Telegram о каждом пользователе, можно ли мне ему писать. Они видят только «печатает…».
sweep-paused = Обход приостановлен.
sweep-finished = Обход закончен.
sweep-cancelled = Обход отменён.
sweep-numbers = Просмотрено { $looked } из { $total }: опрошено { $probed }, пропущено { $skipped }.
sweep-change = { $before } → { $after }: { $n }
sweep-no-change = Ни у кого доступ не изменился.
sweep-error = { $error }: { $n }
sweep-pause = Пауза
sweep-resume = Продолжить
sweep-cancel = Отменить

reach-reachable = можно писать
reach-blocked = заблокировали меня
reach-deactivated = удалены
reach-bot = боты
reach-not-allowed = не разрешали
reach-unknown = неизвестно

## Команды администраторов: рассылка

broadcast-usage =
    Чтобы разослать сообщение, ответьте на него командой /broadcast. Я покажу, что получат люди, и без вашего согласия ничего не отправлю.
    /broadcast ru, de – только тем, кто говорит на одном из этих языков
    Кнопки, тексты на нескольких языках, время начала и другое – в командной строке: tgbot broadcast --help.
broadcast-no-language = Не могу прочитать «{ $what }» как коды языков. Ответьте на сообщение командой /broadcast или, чтобы отправить его только тем, кто говорит на одном из языков, командой /broadcast ru, de.
broadcast-list = Последние рассылки:

broadcast-draft = Черновик: пока ничего не отправлено. «Проба» пришлёт его вам таким, каким его получат.
broadcast-scheduled = Начнётся { $at }.
broadcast-running = Отправляю.
broadcast-running-edit = Изменяю доставленное.
broadcast-running-delete = Удаляю доставленное.
broadcast-paused = Приостановлена.
broadcast-done = Закончена.
broadcast-cancelled = Отменена.

# То же одним словом, после названия рассылки.
broadcast-short-draft = черновик
broadcast-short-scheduled = запланирована
broadcast-short-running = идёт
broadcast-short-paused = приостановлена
broadcast-short-done = закончена
broadcast-short-cancelled = отменена

broadcast-reason = Почему: { $reason }
broadcast-at = Начнётся { $at }.
broadcast-until = Закончится не позже { $at }.
broadcast-languages = Только тем, кто говорит на: { $languages }
broadcast-narrowed = Только некоторым из них: условия покажет tgbot broadcast status { $id }.
broadcast-recipients = { $n ->
    [one] Получит { $n } человек, примерное время: { $time }.
    [few] Получат { $n } человека, примерное время: { $time }.
   *[other] Получат { $n } человек, примерное время: { $time }.
}
broadcast-rate = В секунду: { $rate }
broadcast-text = На языке «{ $code }»: { $n }
broadcast-left-out = Кто не получит:
broadcast-not-in-audience = не входят в число получателей
broadcast-number = { $what }: { $n }
broadcast-price = Стоимость – до { $stars } звёзд.
broadcast-start-question = { $n ->
    [one] Отправить { $n } человеку?
   *[other] Отправить { $n } людям?
}
broadcast-takes = Примерное время: { $time }.

broadcast-delivered = Доставлено: { $sent } из { $audience } ({ $percent } %)
broadcast-error = – { $error }: { $n }
broadcast-left = Ещё не отправлено: { $n }
broadcast-not-sent = Не отправлено: { $n }
broadcast-clicks = Нажали кнопку «{ $button }»: { $n }
broadcast-took = Время от начала до конца: { $time }
broadcast-corrected-edit = Изменено: { $n }, отказано: { $refused }, осталось: { $left }
broadcast-corrected-delete = Удалено: { $n }, отказано: { $refused }, осталось: { $left }
broadcast-eta = Осталось примерно: { $time }
broadcast-flood = Telegram просит подождать: { $time }
broadcast-behind = Ждёт, пока закончится рассылка { $id }.
broadcast-cancel-question = { $n ->
    [0] Отменить насовсем?
    [one] Отменить насовсем? Её не получит { $n } человек.
    [few] Отменить насовсем? Её не получат { $n } человека.
   *[other] Отменить насовсем? Её не получат { $n } человек.
}

broadcast-button-test = Проба
broadcast-button-plan = План
broadcast-button-start = Начать
broadcast-button-drop = Отменить
broadcast-button-yes = Да, отправить
broadcast-button-no = Нет
broadcast-button-pause = Пауза
broadcast-button-resume = Продолжить
broadcast-button-cancel = Отменить
broadcast-button-end = Да, отменить
broadcast-button-report = Отчёт
broadcast-button-late = Отправить тем, кто не получил вовремя

# Короткая подсказка над чатом, не больше 200 знаков.
broadcast-tested = Отправлено вам.
broadcast-now = Уже нельзя. Эта рассылка: { $state }
broadcast-changed = Черновик тем временем изменили. Проверьте его и начните снова.
broadcast-nobody = Отправить некому.
broadcast-unknown = Рассылки { $id } больше нет.
broadcast-report-begun = Готовлю отчёт.
broadcast-report-making = Отчёт уже готовится.

broadcast-table = Чем кончилась каждая доставка.
broadcast-no-chart =
    Диаграммы нет: там, где я работаю, не установлен matplotlib, или он не справился. Числа:

    { $numbers }
broadcast-no-table = Не могу записать таблицу: { $reason }.

broadcast-refused = Так нельзя: { $reason }
broadcast-uncopied-hidden = Telegram не показывает мне это сообщение ({ $detail }): возможно, меня нет в том чате. Перешлите его мне и ответьте на пересланное.
broadcast-uncopied-gone = Этого сообщения больше нет.
broadcast-uncopied-service = Это служебное сообщение Telegram: его нельзя отправить снова.
broadcast-uncopied-kind = В этом сообщении есть то, что нельзя отправить снова ({ $detail }).
broadcast-uncopied-changed = Альбом этого сообщения изменился после начала. Сделайте новую рассылку.
broadcast-uncopied-vanishing = Фото или видео в этом сообщении удаляется само: его нельзя отправить снова.
broadcast-uncopied-file = Файла этого сообщения больше нет.
broadcast-uncopied-empty = В этом сообщении нечего отправлять.
broadcast-uncopied-long = Текст этого сообщения длиннее, чем может отправить бот. Сократите его.
broadcast-uncopied-other = Это сообщение нельзя отправить снова.

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
duration-seconds = { $n } с
duration-minutes = { $n } мин
duration-hours = { $n } ч { $minutes } мин
duration-days = { $n } д { $hours } ч
moment = { $ago } ({ $date })

## Кто пишет слишком часто

throttled = Слишком много сообщений подряд. Снова отвечу через { $wait }.

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
took-over = ⚠️ Узел { $node } замолчал, хотя был главным. Теперь главный другой: без ответа никто не останется, и дважды никто его не получит.
database-begun = ⚠️ Моя база данных недоступна. Я отвечаю, только пока действует моя аренда.
database-over = ✅ Моя база данных снова доступна.
deafness-over = { $n ->
    [one] ⚠️ Какое-то время обновления Telegram до меня не доходили, хотя связь была ({ $n } раз). Я соединился заново и получил их: без ответа никто не останется.
    [few] ⚠️ Обновления Telegram до меня не доходили, хотя связь была: так случилось { $n } раза. Каждый раз я соединялся заново и получал их: без ответа никто не останется.
   *[many] ⚠️ Обновления Telegram до меня не доходили, хотя связь была: так случилось { $n } раз. Каждый раз я соединялся заново и получал их: без ответа никто не останется.
}
errors-begun = ⚠️ Мои обработчики падают: ошибок за пять минут — { $n }, чаще всего в { $plugin }. Необработанное отложено. Посмотреть: tgbot parked list
errors-over = ✅ Пять минут ни один обработчик не падал. Когда ошибка исправлена, отложенное можно обработать снова: tgbot parked retry --all
forget-failed = { $n ->
    [one] ⚠️ { $n } человек отправил /forget, но плагин { $plugin } не смог удалить свои данные о нём. То, что храню я сам, удалено. Идентификатор — в моём журнале.
    [few] ⚠️ { $n } человека отправили /forget, но плагин { $plugin } не смог удалить свои данные о них. То, что храню я сам, удалено. Идентификаторы — в моём журнале.
   *[many] ⚠️ { $n } человек отправили /forget, но плагин { $plugin } не смог удалить свои данные о них. То, что храню я сам, удалено. Идентификаторы — в моём журнале.
}
disk-begun = ⚠️ На диске с моими файлами почти нет места: осталось { $free } МиБ. Освободите его: без места я не могу сохранять и остановлюсь.
disk-over = ✅ На диске с моими файлами снова есть место: { $free } МиБ.
backup-begun = ⚠️ Последняя резервная копия моих файлов не удалась: { $reason }
backup-over = ✅ Резервная копия моих файлов снова удалась.
readiness-begun = ⚠️ Уже { $minutes ->
    [one] { $minutes } минуту
    [few] { $minutes } минуты
   *[many] { $minutes } минут
} я нездоров: { $reason }.
readiness-over = ✅ Я снова здоров. До этого { $minutes ->
    [one] { $minutes } минуту
    [few] { $minutes } минуты
   *[many] { $minutes } минут
} было не так: { $reason }.
lost-poison = { $n ->
    [one] ⚠️ Я дважды подряд аварийно завершился на одном и том же обновлении ({ $n }) и отложил его. Всем остальным отвечаю. Посмотреть: tgbot parked list
    [few] ⚠️ Я дважды подряд аварийно завершился на одном и том же обновлении. Таких обновлений { $n }, я их отложил. Всем остальным отвечаю. Посмотреть: tgbot parked list
   *[many] ⚠️ Я дважды подряд аварийно завершился на одном и том же обновлении. Таких обновлений { $n }, я их отложил. Всем остальным отвечаю. Посмотреть: tgbot parked list
}

## Страница входа: $bot и $domain доступны во всех текстах

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
## Сообщение после входа

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

## Новости: сообщения, которые получают многие

news-on = Новости от меня вы будете получать: напишу, когда появится что-то новое.
news-off = Новостей от меня больше не будет. Остальное работает как прежде: если вы пишете, я отвечаю.
news-button-on = Снова присылать новости
news-button-off = Больше не присылать новости
# Короткая подсказка над чатом, не больше 200 знаков.
news-notice-on = Готово. Новости будут приходить.
news-notice-off = Готово. Новостей больше не будет. Вернуть их можно командой /news.

## Диаграмма рассылки, для администраторов

# Числа приходят такими, как показаны; $time – часы:минуты:секунды.
chart-title = Рассылка { $id } – { $name }
chart-title-nameless = Рассылка { $id }
chart-summary = Доставлено { $sent } из { $turns } ({ $percent } %) за { $time }, в секунду { $rate }
chart-left = очередь не дошла до { $left }
chart-nothing = Пока ничего не доставлено
chart-over-time = Получатели по времени
chart-time = Время ({ $zone })
chart-by-language = Получатели по языку текста
chart-bar = { $turns }, доставлено { $percent } %
chart-language-default = основной
chart-language-none = нет
chart-language-others = ещё { $n }

outcome-sent = доставлено
outcome-blocked = заблокировали меня
outcome-deactivated = аккаунт удалён
outcome-not-allowed = не разрешают писать
outcome-failed = отказано по другой причине
outcome-no-news = не хотят новостей
outcome-not-in-time = не успели
outcome-forgotten = удалили всё о себе

## Личные данные

privacy-kept =
    Я храню то, что Telegram сообщает мне о вас, чтобы отвечать вам и знать, можно ли вам писать. Тексты сообщений я не храню, кроме тех, которые не смог обработать, — не дольше 30 дней. Никто другой этого не получает.
privacy-nothing = О вас я ничего не храню.
privacy-forget = /forget всё это удалит.
privacy-name = имя: { $name }
privacy-premium = Telegram Premium: есть
privacy-language = язык вашего приложения: { $spoken }
privacy-language-chosen = выбранный вами язык: { $spoken }
privacy-no-news = вы просили не присылать вам новости
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
# $names – названия того, что будет сделано, $date – когда ближайшее.
privacy-planned = { $n ->
    [1] запланировано для вас: { $n } ({ $names }), на { $date }
   *[other] запланировано для вас: { $n } ({ $names }), ближайшее на { $date }
}
privacy-messages = номер последнего обработанного сообщения: { $last }
privacy-access-hash = число от Telegram, по которому я могу вам писать
privacy-changes = { $n ->
    [one] { $n } изменение:
    [few] { $n } изменения, последние из них:
   *[many] { $n } изменений, последние из них:
}
privacy-change = { $date }: { $what }, раньше: { $old }
# $plugin – название части бота, $data – её данные в виде JSON, длинные сокращены.
privacy-data = данные, которые хранит { $plugin }: { $data }
# $talk – название разговора у бота, $when – его начало, $n – сколько ответов сохранено.
privacy-talk = { $n ->
    [0] наш разговор { $talk } (начат { $when }): ответов пока нет
    [one] наш разговор { $talk } (начат { $when }): { $n } ответ
    [few] наш разговор { $talk } (начат { $when }): { $n } ответа
   *[many] наш разговор { $talk } (начат { $when }): { $n } ответов
}
privacy-talk-over = наш разговор { $talk } (начат { $when }) закончен: хранится только номер последнего сообщения в нём
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
command-news = снова присылать новости
command-stop_news = больше не присылать новости
command-privacy = что я о вас храню
command-forget = удалить то, что я о вас храню
command-resolve = по @имени, ссылке или id: кто это и можно ли ему писать
command-whois = то же об авторе сообщения, на которое вы отвечаете
command-check = то же, но сначала спрошу Telegram, можно ли писать
command-stats = сколько людей я знаю
command-sweep = спросить Telegram о каждом пользователе, можно ли мне ему писать
command-broadcast = в ответ на сообщение: разослать его многим
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


## Разговоры, которые ведут плагины

talk-again-text = Здесь нужен текст. Напишите его или отправьте /cancel, чтобы прекратить.
talk-again-choice = Нажмите одну из кнопок выше или напишите то, что на ней написано. /cancel прекращает разговор.
talk-again-photo = Здесь нужно фото. Пришлите его или отправьте /cancel, чтобы прекратить.
talk-again-file = Здесь нужен файл. Пришлите его или отправьте /cancel, чтобы прекратить.
talk-again-contact = Здесь нужен контакт. Пришлите его или отправьте /cancel, чтобы прекратить.
talk-again-location = Здесь нужно место на карте. Пришлите геопозицию или отправьте /cancel, чтобы прекратить.
talk-cancelled = Хорошо, на этом остановимся.
talk-expired = Ответа не было, поэтому на этом остановимся. Начать заново можно в любое время.
talk-changed = С начала этого разговора я изменился и не могу его продолжить. Извините. Начните, пожалуйста, заново.
talk-open = Мы ещё не закончили. Ответьте сначала на вопрос выше или отправьте /cancel, чтобы прекратить.
talk-press-old = Этот вопрос уже закрыт.
talk-press-gone = Такого варианта больше нет.
