import { Options, ZxcvbnFactory } from '@zxcvbn-ts/core'
import { adjacencyGraphs, dictionary as common } from '@zxcvbn-ts/language-common'
import { dictionary as english } from '@zxcvbn-ts/language-en'
import t, { type Test } from 'tap'
import { createStrengthEstimator } from '../../src/accounts/password-strength.ts'
import { eventually } from '../support/eventually.ts'

/** The words of whoever chooses these passwords. */
const OWNER = ['zorbalinka.mueller@corp-mail.example', 'Anne Marie']
const CLAIMS = 250

async function givenEstimator(t: Test) {
  const { estimate, isClearlyStrong, close } = createStrengthEstimator()
  t.teardown(close)
  t.equal(isClearlyStrong('sparrow-lantern-42-quartz', []), false, 'not before the thread is there')
  await estimate('password', [])
  await eventually('what the thread knows', () =>
    Promise.resolve(isClearlyStrong('sparrow-lantern-42-quartz', []))
  )
  return { estimate, isClearlyStrong }
}

void t.test('strong passwords as people make them: clearly strong', async (t) => {
  const { isClearlyStrong } = await givenEstimator(t)
  for (const strong of [
    'granite otter meadow',
    'correct horse battery staple',
    'Blue-Kettle-77',
    'k9$Lm2!vQx',
    'kR8tz/4Qm1xPq0v+7LwYb3Hs9ZcJ2fNd'
  ])
    t.ok(isClearlyStrong(strong, OWNER), strong)
})

void t.test(
  'what zxcvbn gives less than 3, in every one of its patterns: not clearly strong',
  async (t) => {
    const { estimate, isClearlyStrong } = await givenEstimator(t)
    for (const weak of [
      'liverpoolmonkey', // words
      'l1v3rp00lmonkey', // l33t
      'yeknommonkey', // backwards
      'liverpool/.,mnb', // keyboard
      'monkey;<=>?@', // sequence
      'monkeykQ9xkQ9xkQ9x', // repeat
      'monkey12.11.1991', // date
      'monkey2019', // year
      'novemberdecembermonkey', // words in a row
      'one two three four', // and with separators
      'zorbalinkamueller', // own words
      'nnonkeyliverpool', // spellings of several characters
      '~w:Q;j=X' // tried out
    ]) {
      const { score } = await estimate(weak, OWNER)
      t.ok(score < 3, `${weak}: ${score}`)
      t.notOk(isClearlyStrong(weak, OWNER), weak)
    }
    t.ok(isClearlyStrong('zorbalinka7vq', []) && !isClearlyStrong('zorbalinka7vq', OWNER))
  }
)

void t.test(
  'passwords at random around the limit: zxcvbn agrees with each that is clearly strong',
  async (t) => {
    const { estimate, isClearlyStrong } = await givenEstimator(t)
    const seen = { claimed: 0, laxer: [] as string[] }
    while (seen.claimed < CLAIMS) {
      const password = somePassword()
      if (!isClearlyStrong(password, OWNER)) continue
      seen.claimed += 1
      const { score } = await estimate(password, OWNER)
      if (score < 3) seen.laxer.push(password)
    }
    t.strictSame(seen.laxer, [])
  }
)

void t.test('a matcher of zxcvbn that the quick look does not know: none', (t) => {
  const { matching } = new ZxcvbnFactory() as unknown as { matching: { matchers: object } }
  t.strictSame(Object.keys(matching.matchers).sort(), [
    ...['date', 'dictionary', 'dictionaryL33t', 'dictionaryReverse', 'regex', 'repeat'],
    ...['separator', 'sequence', 'spatial', 'wordSequence']
  ])
  t.equal(new Options().useLevenshteinDistance, false)
  t.end()
})

const any = (count: number) => Math.floor(Math.random() * count)
const pick = <T>(list: readonly T[]): T => list[any(list.length)] as T
const times = (count: number, make: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => make(at)).join('')

const l33tTable: Record<string, string[]> = new Options().l33tTable
const lists = Object.values<string[]>({ ...common, ...english })
const own = ['zorbalinka', 'mueller', 'Anne', 'corp']
const word = () => pick(pick(lists))
const spelled = (text: string) =>
  text.replaceAll(/./g, (letter) => pick([letter, pick(l33tTable[letter] ?? [letter])]))
const capitals = (text: string) =>
  text.replaceAll(/./g, (letter) => (any(4) === 0 ? letter.toUpperCase() : letter))
const backwards = (text: string) => Array.from(text).reverse().join('')

function wayOverKeyboard(): string {
  const graph = pick<Record<string, (string | null)[]>>(Object.values(adjacencyGraphs))
  let key = pick(Object.keys(graph))
  return times(3 + any(8), () => {
    const keys = graph[key]?.filter((adjacent) => adjacent !== null) ?? []
    key = keys.length === 0 ? key : pick(Array.from(pick(keys)))
    return key
  })
}

function sequence(): string {
  const [first, step] = [40 + any(70), any(11) - 5]
  return times(3 + any(7), (at) =>
    String.fromCharCode(Math.max(33, Math.min(126, first + at * step)))
  )
}

const PARTS: (() => string)[] = [
  word,
  () => capitals(word()),
  () => spelled(word()),
  () => backwards(spelled(word())),
  () => pick(own),
  () => spelled(backwards(pick(own))),
  () =>
    `${pick(['one', 'march', 'north'])}${pick(['', '-', 'A'])}${pick(['two', 'april', 'south'])}`,
  wayOverKeyboard,
  sequence,
  () => String(1900 + any(150)),
  () => `${1 + any(31)}${pick(['', '.', '-'])}${1 + any(12)}${pick(['', '.', '-'])}${any(2100)}`,
  () => times(1 + any(6), () => String.fromCharCode(33 + any(94))),
  () => pick([' ', '_', '.', '|']),
  () => pick(PARTS)().repeat(2 + any(3))
]

function somePassword(): string {
  const password = times(1 + any(3), () => pick(PARTS)())
  return password.length < 9 || password.length > 20 ? somePassword() : password
}
