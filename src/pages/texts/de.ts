/**
 * What the pages say in German, by what they say in English. `{…}` stands for a value; in texts with tags
 * every value is escaped first.
 */
export const de = {
  // The frame.
  'Error: ': 'Fehler: ',
  Welcome: 'Willkommen',
  'You are logged in as <strong>{person}</strong>.':
    'Sie sind angemeldet als <strong>{person}</strong>.',
  'You are not logged in.': 'Sie sind nicht angemeldet.',
  'Your account': 'Ihr Konto',
  'To your account': 'Zu Ihrem Konto',
  'Log in': 'Anmelden',
  'Log in instead': 'Stattdessen anmelden',
  'Log out': 'Abmelden',
  'Log out?': 'Abmelden?',
  'Logged out': 'Abgemeldet',
  'Stay logged in': 'Angemeldet bleiben',
  'Create an account': 'Konto anlegen',
  'For developers': 'Für Entwickler',
  'The API, to read and to try': 'Die Schnittstelle, zum Lesen und Ausprobieren',
  'The public keys': 'Die öffentlichen Schlüssel',
  'Its health': 'Der Zustand des Dienstes',
  'The mail that was kept instead of sent': 'Die E-Mails, die nur abgelegt statt gesendet wurden',

  'Show what was typed': 'Eingabe anzeigen',
  'Hide what was typed': 'Eingabe verbergen',
  'This is not the same password.': 'Das ist nicht dasselbe Passwort.',

  // Logging in and out, registering.
  'E-mail address or username': 'E-Mail-Adresse oder Benutzername',
  'E-mail address': 'E-Mail-Adresse',
  Password: 'Passwort',
  'Password once more': 'Passwort wiederholen',
  'Forgot your password?': 'Passwort vergessen?',
  Name: 'Name',
  '(optional)': '(freiwillig)',
  'Create the account': 'Konto anlegen',
  'Applications that you opened from here log out too.':
    'Anwendungen, die Sie von hier aus geöffnet haben, melden Sie ebenfalls ab.',
  'You are logged out': 'Sie sind abgemeldet',
  'You are logged out here.': 'Sie sind hier abgemeldet.',
  'An application asks to log you out.': 'Eine Anwendung möchte Sie abmelden.',
  'Look into your mail': 'Sehen Sie in Ihr Postfach',
  'A mail is on its way to the address that you gave. Follow the link in it, or type its code here, and you can log in.':
    'An die angegebene Adresse ist eine E-Mail unterwegs. Öffnen Sie den Link darin oder geben Sie den Code hier ein, dann können Sie sich anmelden.',
  'Type the code': 'Code eingeben',

  // What mails lead to.
  'We send you a mail with a link to set a new one.':
    'Wir senden Ihnen eine E-Mail mit einem Link, um ein neues festzulegen.',
  'Send the mail': 'E-Mail senden',
  'If this address has an account, a mail is on its way.':
    'Wenn es zu dieser Adresse ein Konto gibt, ist eine E-Mail unterwegs.',
  'Set a new password': 'Neues Passwort festlegen',
  'Code from the mail, such as 7KQM-2XHD': 'Code aus der E-Mail, zum Beispiel 7KQM-2XHD',
  'New password': 'Neues Passwort',
  'Set the password': 'Passwort festlegen',
  Done: 'Fertig',
  'The password is set, and every session has ended. You can log in with it now.':
    'Das Passwort ist festgelegt, und alle Anmeldungen sind beendet. Sie können sich jetzt damit anmelden.',
  'Take your address back': 'Holen Sie Ihre Adresse zurück',
  'Your account will use this address again. Every session ends, and you set a new password.':
    'Ihr Konto verwendet dann wieder diese Adresse. Alle Anmeldungen enden, und Sie legen ein neues Passwort fest.',
  'Take it back': 'Adresse zurückholen',
  'Follow the link in the mail that told you of the change.':
    'Öffnen Sie den Link in der E-Mail, die Ihnen die Änderung angekündigt hat.',
  'This address is yours again. Set a new password by "forgot password".':
    'Diese Adresse gehört wieder zu Ihrem Konto. Legen Sie über „Passwort vergessen“ ein neues Passwort fest.',
  'Verify your address': 'Bestätigen Sie Ihre Adresse',
  'Go on if you registered this address yourself, or moved your account to it: the password that was chosen with it will open the account. If it was somebody else, close this page, and nothing happens.':
    'Fahren Sie fort, wenn Sie diese Adresse selbst registriert oder Ihr Konto auf sie umgestellt haben: Das Passwort, das dabei gewählt wurde, öffnet das Konto. War es jemand anderes, schließen Sie diese Seite, und es geschieht nichts.',
  'Verify my address': 'Meine Adresse bestätigen',
  'Type the code from the mail that we sent you.':
    'Geben Sie den Code aus der E-Mail ein, die wir Ihnen gesendet haben.',
  'Code, such as 7KQM-2XHD': 'Code, zum Beispiel 7KQM-2XHD',
  'Thank you': 'Vielen Dank',
  'The address is verified. You can log in now.':
    'Die Adresse ist bestätigt. Sie können sich jetzt anmelden.',
  'Now set your password': 'Legen Sie nun Ihr Passwort fest',
  'The address is verified. It had been registered with several passwords, so none of them counts: set yours by the mail that is on its way, or by "forgot password".':
    'Die Adresse ist bestätigt. Sie war mit mehreren Passwörtern registriert worden, daher gilt keines davon: Legen Sie Ihres mit der E-Mail fest, die unterwegs ist, oder über „Passwort vergessen“.',

  // The account.
  'Your name': 'Ihr Name',
  'Save the name': 'Namen speichern',
  'Your password': 'Ihr Passwort',
  'Your other logins end when you change it.':
    'Ihre anderen Anmeldungen enden, wenn Sie es ändern.',
  'Your address': 'Ihre Adresse',
  'Current password': 'Aktuelles Passwort',
  'New password once more': 'Neues Passwort wiederholen',
  'Change the password': 'Passwort ändern',
  'Where you are logged in': 'Wo Sie angemeldet sind',
  'This browser': 'Dieser Browser',
  'An unnamed device': 'Ein unbenanntes Gerät',
  'last used': 'zuletzt benutzt',
  'End the login {name}, last used {day}': 'Anmeldung {name} beenden, zuletzt benutzt {day}',
  End: 'Beenden',
  'End all others': 'Alle anderen beenden',
  'Sign out everywhere': 'Überall abmelden',
  'Applications with access': 'Anwendungen mit Zugriff',
  'You have let no application in.': 'Sie haben keine Anwendung zugelassen.',
  since: 'seit',
  'Take the access of {name} away': '{name} den Zugriff entziehen',
  'Take away': 'Entziehen',
  'Your name is saved.': 'Ihr Name ist gespeichert.',
  'Your password is changed. Your other logins have ended.':
    'Ihr Passwort ist geändert. Ihre anderen Anmeldungen sind beendet.',
  'That login has ended.': 'Diese Anmeldung ist beendet.',
  'All other logins have ended.': 'Alle anderen Anmeldungen sind beendet.',
  'That application has no access any more.': 'Diese Anwendung hat keinen Zugriff mehr.',

  // Letting applications and devices in.
  'Let {client} in?': '{client} zulassen?',
  'What {client} says:': 'Was {client} dazu sagt:',
  'terms of service': 'Nutzungsbedingungen',
  'privacy policy': 'Datenschutzerklärung',
  '<strong>{client}</strong> at {host} wants to:': '<strong>{client}</strong> unter {host} möchte:',
  '<strong>{client}</strong> wants to:': '<strong>{client}</strong> möchte:',
  'Afterwards you are sent to <strong>{host}</strong>. Go on only if you came from there.':
    'Danach werden Sie zu <strong>{host}</strong> weitergeleitet. Fahren Sie nur fort, wenn Sie von dort kommen.',
  Allow: 'Zulassen',
  'Do not allow': 'Nicht zulassen',
  'Use another account': 'Anderes Konto verwenden',
  'know who you are': 'wissen, wer Sie sind',
  'see your name, username and language': 'Ihren Namen, Benutzernamen und Ihre Sprache sehen',
  'see your e-mail address': 'Ihre E-Mail-Adresse sehen',
  'see your phone number': 'Ihre Telefonnummer sehen',
  'see your postal address (none is kept here)':
    'Ihre Postanschrift sehen (hier ist keine gespeichert)',
  'stay connected while you are away': 'verbunden bleiben, während Sie nicht da sind',
  'Back to the application': 'Zurück zur Anwendung',
  'One more step': 'Noch ein Schritt',
  'Go back to the application': 'Zurück zur Anwendung',
  'Log in on a device': 'An einem Gerät anmelden',
  'Type the code that your device shows.': 'Geben Sie den Code ein, den Ihr Gerät anzeigt.',
  'Go on': 'Weiter',
  'Let {client} in on another device?': '{client} auf einem anderen Gerät zulassen?',
  '<strong>Is it yours?</strong> Somebody at another device asks to be logged in as you. Go on only if you started this yourself, and the device in front of you shows the code <strong>{code}</strong>. If somebody sent you the code or a link, do not allow it.':
    '<strong>Ist es Ihres?</strong> Jemand an einem anderen Gerät möchte als Sie angemeldet werden. Fahren Sie nur fort, wenn Sie das selbst begonnen haben und das Gerät vor Ihnen den Code <strong>{code}</strong> anzeigt. Wenn Ihnen jemand den Code oder einen Link geschickt hat, lassen Sie es nicht zu.',
  'Your device is let in': 'Ihr Gerät ist angemeldet',
  'You can go back to your device. It goes on by itself within a few seconds.':
    'Sie können zu Ihrem Gerät zurückkehren. Es macht innerhalb weniger Sekunden von selbst weiter.',
  'Not let in': 'Nicht zugelassen',
  'The device gets nothing. If you did not start this, somebody may have tried to use your account.':
    'Das Gerät bekommt nichts. Wenn Sie das nicht begonnen haben, hat vielleicht jemand versucht, Ihr Konto zu benutzen.',
  'This code is wrong, has been used, or is too old. Look at your device, it may show a new one.':
    'Dieser Code ist falsch, verbraucht oder zu alt. Sehen Sie auf Ihr Gerät, vielleicht zeigt es einen neuen.',

  // What went wrong.
  'Not from here': 'Nicht von hier',
  'Not found': 'Nicht gefunden',
  'One moment, please': 'Einen Moment, bitte',
  'Something went wrong': 'Etwas ist schiefgegangen',
  'That did not work': 'Das hat nicht funktioniert',
  'The mistake is ours, and it has been logged. Try again in a moment.':
    'Der Fehler liegt bei uns und ist aufgezeichnet. Versuchen Sie es gleich noch einmal.',
  'Go back, check what you typed, and try again.':
    'Gehen Sie zurück, prüfen Sie Ihre Eingaben und versuchen Sie es noch einmal.',
  'To the front page': 'Zur Startseite',
  'Too many attempts. Try again in {time}.':
    'Zu viele Versuche. Versuchen Sie es in {time} noch einmal.',
  'Too many attempts. Try again later.': 'Zu viele Versuche. Versuchen Sie es später noch einmal.',
  'Too many requests from your address. Try again later.':
    'Zu viele Anfragen von Ihrer Adresse. Versuchen Sie es später noch einmal.',
  'The service cannot answer just now. Try again in a moment.':
    'Der Dienst kann gerade nicht antworten. Versuchen Sie es gleich noch einmal.',
  'Something went wrong here. It has been logged.':
    'Hier ist etwas schiefgegangen. Es ist aufgezeichnet.',
  'The request is malformed.': 'Die Anfrage ist fehlerhaft.',
  'There is nothing here.': 'Hier ist nichts.',
  'Solve the CAPTCHA, and send its token along.': 'Lösen Sie die Aufgabe im Formular.',
  'Address or password is wrong, or the address is not verified yet.':
    'Adresse oder Passwort ist falsch, oder die Adresse ist noch nicht bestätigt.',
  'Follow the link in the mail that we sent you.':
    'Öffnen Sie den Link in der E-Mail, die wir Ihnen gesendet haben.',
  'Reset your password by mail, then log in.':
    'Setzen Sie Ihr Passwort über eine E-Mail zurück, und melden Sie sich dann an.',
  'This account is disabled. Ask an administrator.':
    'Dieses Konto ist gesperrt. Wenden Sie sich an die Verwaltung.',
  'This address has an account. Log in instead.':
    'Zu dieser Adresse gibt es ein Konto. Melden Sie sich stattdessen an.',
  'This form was not sent from our own page, or your browser keeps no cookies. Open the page again.':
    'Dieses Formular kam nicht von unserer eigenen Seite, oder Ihr Browser nimmt keine Cookies an. Öffnen Sie die Seite noch einmal.',
  'This is not your password.': 'Das ist nicht Ihr Passwort.',
  'The password was changed meanwhile.': 'Das Passwort wurde inzwischen geändert.',
  'This link is wrong, was used, or has expired.':
    'Dieser Link ist falsch, verbraucht oder abgelaufen.',
  'This link or code is wrong, was used, or has expired. Ask for a new mail.':
    'Dieser Link oder Code ist falsch, verbraucht oder abgelaufen. Fordern Sie eine neue E-Mail an.',
  'This link or code is wrong, was used, or has expired. Log in, or ask for a new mail.':
    'Dieser Link oder Code ist falsch, verbraucht oder abgelaufen. Melden Sie sich an, oder fordern Sie eine neue E-Mail an.',
  'You have no such session.': 'Diese Anmeldung haben Sie nicht.',
  'The address was changed lately and that can still be undone. Try again after 72 hours.':
    'Die Adresse wurde vor Kurzem geändert, und das kann noch rückgängig gemacht werden. Versuchen Sie es nach 72 Stunden noch einmal.',

  // Fields, and what is wrong with them.
  'The e-mail address': 'Die E-Mail-Adresse',
  'The name': 'Der Name',
  'The password': 'Das Passwort',
  'The new password': 'Das neue Passwort',
  'A field': 'Ein Feld',
  'Choose a stronger password.': 'Wählen Sie ein stärkeres Passwort.',
  'is not the same twice': 'ist nicht zweimal dasselbe',
  'is required': 'fehlt',
  'is wrong': 'ist falsch',
  'must be an e-mail address': 'muss eine E-Mail-Adresse sein',
  'needs at least {number} characters': 'braucht mindestens {number} Zeichen',
  'must not be longer than {number} characters': 'darf nicht länger als {number} Zeichen sein',
  'must NOT have fewer than {number} characters': 'braucht mindestens {number} Zeichen',
  'must NOT have more than {number} characters': 'darf nicht länger als {number} Zeichen sein',
  'must not be your own address or name': 'darf nicht Ihre Adresse oder Ihr Name sein',
  'is known from a data breach': 'ist aus einem Datenleck bekannt',
  'is too easy to guess': 'ist zu leicht zu erraten',
  'needs a lower case letter': 'braucht einen Kleinbuchstaben',
  'needs an upper case letter': 'braucht einen Großbuchstaben',
  'needs a digit': 'braucht eine Ziffer',
  'needs a character that is no letter or digit':
    'braucht ein Zeichen, das weder Buchstabe noch Ziffer ist',

  // What zxcvbn says of a password.
  'Straight rows of keys on your keyboard are easy to guess.':
    'Tastenreihen sind leicht zu erraten.',
  'Short keyboard patterns are easy to guess.': 'Kurze Tastaturmuster sind leicht zu erraten.',
  'Repeated characters like "aaa" are easy to guess.':
    'Wiederholte Zeichen wie „aaa“ sind leicht zu erraten.',
  'Repeated character patterns like "abcabcabc" are easy to guess.':
    'Wiederholte Muster wie „abcabcabc“ sind leicht zu erraten.',
  'Common character sequences like "abc" are easy to guess.':
    'Folgen wie „abc“ sind leicht zu erraten.',
  'Recent years are easy to guess.': 'Jahreszahlen der letzten Zeit sind leicht zu erraten.',
  'Dates are easy to guess.': 'Datumsangaben sind leicht zu erraten.',
  'This is a heavily used password.': 'Dieses Passwort wird sehr oft verwendet.',
  'This is a frequently used password.': 'Dieses Passwort wird oft verwendet.',
  'This is a commonly used password.': 'Dieses Passwort wird häufig verwendet.',
  'This is similar to a commonly used password.':
    'Dieses Passwort ähnelt einem häufig verwendeten.',
  'Single words are easy to guess.': 'Einzelne Wörter sind leicht zu erraten.',
  'Single names or surnames are easy to guess.': 'Einzelne Namen sind leicht zu erraten.',
  'Common names and surnames are easy to guess.': 'Häufige Namen sind leicht zu erraten.',
  'There should not be any personal or page related data.':
    'Verwenden Sie keine Angaben zu Ihnen oder dieser Seite.',
  "Avoid predictable letter substitutions like '@' for 'a'.":
    'Vermeiden Sie vorhersehbare Ersetzungen wie „@“ für „a“.',
  'Avoid reversed spellings of common words.':
    'Vermeiden Sie häufige Wörter in umgekehrter Schreibweise.',
  'Capitalize some, but not all letters.': 'Schreiben Sie einige, aber nicht alle Buchstaben groß.',
  'Capitalize more than the first letter.': 'Schreiben Sie nicht nur den ersten Buchstaben groß.',
  'Avoid dates and years that are associated with you.':
    'Vermeiden Sie Tage und Jahre, die mit Ihnen zu tun haben.',
  'Avoid recent years.': 'Vermeiden Sie Jahreszahlen der letzten Zeit.',
  'Avoid years that are associated with you.':
    'Vermeiden Sie Jahreszahlen, die mit Ihnen zu tun haben.',
  'Avoid common character sequences.': 'Vermeiden Sie häufige Zeichenfolgen.',
  'Avoid repeated words and characters.': 'Vermeiden Sie wiederholte Wörter und Zeichen.',
  'Use longer keyboard patterns and change typing direction multiple times.':
    'Verwenden Sie längere Tastaturmuster mit mehreren Richtungswechseln.',
  'Add more words that are less common.': 'Fügen Sie weitere, seltenere Wörter hinzu.',
  'Use multiple words, but avoid common phrases.':
    'Verwenden Sie mehrere Wörter, aber keine gängigen Redewendungen.',
  'You can create strong passwords without using symbols, numbers, or uppercase letters.':
    'Starke Passwörter gehen auch ohne Sonderzeichen, Ziffern und Großbuchstaben.'
} as const
