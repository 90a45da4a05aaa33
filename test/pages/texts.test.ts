import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as english from '@zxcvbn-ts/language-en'
import t from 'tap'
import { de } from '../../src/pages/texts/de.ts'
import { matchLanguage, textsIn } from '../../src/pages/texts.ts'

const SRC = join(import.meta.dirname, '../../src')
const templates = globSync(join(SRC, 'pages/templates/*.eta'))
const source = (files: string[]) => files.map((file) => readFileSync(file, 'utf8')).join('\n')

const catalogue: Record<string, string> = de

/** The sentences that the templates ask for. */
function asked(): string[] {
  return [...source(templates).matchAll(/\bit\.(?:t|html)\('([^']+)'/g)].map(
    ([, text = '']) => text
  )
}

void t.test('every sentence of a template: has its German', (t) => {
  t.ok(asked().length > 80, 'they are found')
  t.strictSame(
    asked().filter((text) => !Object.hasOwn(catalogue, text)),
    []
  )
  t.end()
})

void t.test(
  'what zxcvbn says of a password: has its German, but for what it never says here',
  (t) => {
    const { warnings, suggestions } = english.translations
    const said = [...Object.values(warnings), ...Object.values(suggestions)]
    const breached = [warnings.pwned, suggestions.pwned]
    t.strictSame(
      said.filter((text) => !Object.hasOwn(catalogue, text)),
      breached
    )
    t.end()
  }
)

void t.test('no sentence of the catalogue: is one that nobody says', (t) => {
  const files = globSync(join(SRC, '**/*.ts')).filter((file) => !file.endsWith('texts/de.ts'))
  const said = source([...templates, ...files])
  const ofZxcvbn = JSON.stringify(english.translations)
  const ofAjv = [
    'must NOT have fewer than {number} characters',
    'must NOT have more than {number} characters'
  ]
  const unsaid = Object.keys(catalogue).filter((text) => {
    const [words = ''] = text.split('{number}')
    const spelled = [words, words.replaceAll("'", "\\'")]
    const isSaid = spelled.some((one) => said.includes(one))
    return !isSaid && !ofZxcvbn.includes(JSON.stringify(text).slice(1, -1)) && !ofAjv.includes(text)
  })
  t.strictSame(unsaid, [])
  t.end()
})

void t.test('both languages of a sentence: the same values, the same tags', (t) => {
  const holes = (text: string) => (text.match(/\{\w+\}|<\/?\w+>/g) ?? []).sort()
  for (const [text, german] of Object.entries(catalogue))
    t.strictSame(holes(german), holes(text), text)
  t.end()
})

void t.test('a value in a sentence with tags: is escaped, and never filled in twice', (t) => {
  const { html } = textsIn('de')
  t.equal(
    html('<strong>{client}</strong> at {host} wants to:', { client: '<b>{host}</b>', host: 'x&y' }),
    '<strong>&lt;b&gt;{host}&lt;/b&gt;</strong> unter x&amp;y möchte:'
  )
  t.end()
})

void t.test('a sentence with a number: translated whatever the number; unknown ones stay', (t) => {
  const { any } = textsIn('de')
  t.equal(any('needs at least 12 characters'), 'braucht mindestens 12 Zeichen')
  t.equal(any('Something of 3 clients.'), 'Something of 3 clients.')
  t.equal(any('toString'), 'toString')
  t.equal(textsIn('en').any('needs a digit'), 'needs a digit')
  t.end()
})

void t.test('how long to wait: in the language, rounded up', (t) => {
  t.equal(textsIn('en').duration(1), '1 second')
  t.equal(textsIn('en').duration(61.2), '62 seconds')
  t.equal(textsIn('de').duration(150), '3 Minuten')
  t.equal(textsIn('de').duration(7_201), '3 Stunden')
  t.end()
})

void t.test('the language that fits: by preference, near ones too', (t) => {
  t.equal(matchLanguage('de-AT'), 'de')
  t.equal(matchLanguage('fr, de;q=0.8, en;q=0.5'), 'de')
  t.equal(matchLanguage('en-GB, de'), 'en')
  for (const none of [undefined, '', 'fr', 'de;q=0', ';;;', '\u0000,"']) {
    t.equal(matchLanguage(none), undefined, String(none))
  }
  t.end()
})
