import t from 'tap'
import {
  addSeconds,
  isReserve,
  nextRotationAt,
  nextStep,
  NO_DATE,
  phaseOf,
  ringState,
  type KeyDates,
  type RotationRules
} from '../../src/signing/ring-plan.ts'
import { rotationTimeline } from '../../src/signing/timeline.ts'
import { ACCESS_TOKEN_SECONDS, ID_TOKEN_SECONDS } from '../../src/tokens/lifetimes.ts'

const DAY = 86_400
const NOW = new Date('2026-11-21T12:00:00Z')
const RULES: RotationRules = { timeline: rotationTimeline(), periodSeconds: 90 * DAY }
const { announceSeconds, retireSeconds } = RULES.timeline

const ago = (seconds: number) => addSeconds(NOW, -seconds)
const key = (dates: Partial<KeyDates>): KeyDates => ({
  announcedAt: ago(100 * DAY),
  activeAt: ago(100 * DAY),
  retiringAt: null,
  goneAt: null,
  ...dates
})
const reserve = (announcedAt: Date) => key({ announcedAt, activeAt: NO_DATE })
const step = (keys: KeyDates[], rules = RULES) => nextStep(ringState(keys, NOW), NOW, rules)

void t.test('the numbers: longer than any cache and any token', (t) => {
  t.equal(announceSeconds, 300 + 600 + 60)
  t.equal(retireSeconds, 900 + 60)
  t.ok(retireSeconds > ACCESS_TOKEN_SECONDS.maximum, 'whatever life a client is given')
  t.ok(retireSeconds > ID_TOKEN_SECONDS)
  t.end()
})

void t.test('what is due in a ring, by the state that it was left in', (t) => {
  const active = key({ activeAt: ago(90 * DAY) })
  const young = key({ activeAt: ago(90 * DAY - 1) })
  const old = reserve(ago(announceSeconds))
  const retired = { retiringAt: ago(10), goneAt: addSeconds(NOW, 900) }
  const cases: [string, string, KeyDates[], RotationRules?][] = [
    ['nothing there', 'rotate', []],
    ['a first key', 'reserve', [young]],
    ['a key that is due, and no reserve', 'reserve', [active]],
    ['not due by a second', 'none', [young, old]],
    ['due to the second', 'rotate', [active, old]],
    ['due, and not every verifier knows the reserve', 'none', [active, reserve(ago(959))]],
    ['rotation is off', 'none', [active, old], { ...RULES, periodSeconds: null }],
    ['off, and no reserve', 'reserve', [active], { ...RULES, periodSeconds: null }],
    ['nothing signs, a reserve is there', 'rotate', [key(retired), reserve(ago(1))]],
    ['nothing signs, rotation is off', 'rotate', [key(retired)], { ...RULES, periodSeconds: null }],
    [
      'one is scheduled: the active one has its end already',
      'none',
      [
        key({ retiringAt: addSeconds(NOW, 5), goneAt: addSeconds(NOW, 965) }),
        key({ activeAt: addSeconds(NOW, 5) }),
        old
      ]
    ]
  ]
  for (const [name, expected, keys, rules] of cases) t.equal(step(keys, rules), expected, name)
  t.end()
})

void t.test('when the next rotation comes: by its date, by the period, or not by itself', (t) => {
  const at = (keys: KeyDates[], rules = RULES) => nextRotationAt(ringState(keys, NOW), rules)
  const active = key({ activeAt: ago(10 * DAY) })
  t.same(at([active, reserve(ago(DAY))]), addSeconds(NOW, 80 * DAY))
  t.same(at([active]), addSeconds(NOW, 80 * DAY))
  const late = key({ activeAt: ago(200 * DAY) })
  t.same(at([late, reserve(ago(60))]), addSeconds(NOW, announceSeconds - 60), 'once it is known')
  const scheduled = key({ activeAt: addSeconds(NOW, 7) })
  t.same(at([active, scheduled, reserve(ago(DAY))]), addSeconds(NOW, 7))
  t.equal(at([active, reserve(ago(DAY))], { ...RULES, periodSeconds: null }), null)
  t.equal(at([]), null)
  t.end()
})

void t.test('the reserve: announced for every release, until it goes', (t) => {
  const waiting = reserve(NOW)
  t.equal(phaseOf(waiting, NOW), 'announced')
  t.ok(isReserve(waiting))
  t.notOk(isReserve({ ...waiting, goneAt: NOW }), 'one that was dropped is none')
  t.equal(phaseOf({ ...waiting, retiringAt: NOW, goneAt: NOW }, NOW), 'gone')
  t.end()
})
