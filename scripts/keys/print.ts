import { utcMinute, utcSecond } from '../../src/lib/utc-text.ts'
import type { Replacement, RotateOutcome } from '../../src/signing/rotation-store.ts'
import type { KeyView, RingView } from '../../src/signing/overview.ts'
import { JWKS_MAX_AGE_SECONDS, VERIFIER_CACHE_SECONDS } from '../../src/signing/timeline.ts'
import { LONGEST_TOKEN_SECONDS } from '../../src/tokens/lifetimes.ts'
import { table } from '../support/table.ts'

/** What each key is for, those that are gone last, and what comes next in each ring. */
export function printKeys(keys: KeyView[], rings: RingView[], now: Date): string {
  const isGone = ({ is }: KeyView) => Number(is === 'gone')
  const rows = keys
    .toSorted((a, b) => isGone(a) - isGone(b))
    .map((key) => ({
      kid: key.kid,
      alg: key.alg,
      is: rings.some(({ alg }) => alg === key.alg) ? key.is : `${key.is}, not in use`,
      announced: date(key.announcedAt),
      'signs from': date(key.activeAt),
      'signs until': date(key.retiringAt),
      'published until': date(key.goneAt)
    }))
  const told = rings.map((ring) => `${ring.alg.padEnd(5)}  ${tellNext(ring, now)}`)
  return [table(rows), '', ...told, `It is ${date(now)}; times are UTC.`].join('\n')
}

function tellNext({ next, nextKnownAt, rotatesAt, active }: RingView, now: Date): string {
  if (active === null) return 'Nothing signs: start a server, it mends that.'
  const reserve =
    next === null
      ? 'a running server makes the reserve within seconds'
      : `to ${next.kid}, which every verifier can know ${nextKnownAt !== null && nextKnownAt <= now ? 'now' : `from ${date(nextKnownAt)}`}`
  if (rotatesAt === null) {
    return `rotates when asked: npm run keys -- rotate; ${reserve}`
  }
  const due = rotatesAt <= now ? 'is due' : `comes ${date(rotatesAt)}, ${until(rotatesAt, now)}`
  return `the next rotation ${due}; ${reserve}`
}

export function printRotation(outcome: RotateOutcome, now: Date): string {
  const { alg, kid, activeAt } = outcome
  const from = activeAt <= now ? 'now' : `${date(activeAt)}, ${until(activeAt, now)}`
  if (outcome.kind === 'under_way') {
    return `${alg}: a rotation is under way already: ${kid} signs from ${from}.`
  }
  const { previous, goneAt } = outcome
  const wait =
    activeAt <= now
      ? 'Every verifier can know it: it stood in reserve.'
      : 'Until then verifiers learn it.'
  return [
    `${alg}: ${kid} signs from ${from}. ${wait}`,
    ...(previous === null
      ? []
      : [`  ${previous} signs until then, and is published until ${date(goneAt)}.`])
  ].join('\n')
}

/** What stops working, and until when. */
export function printEmergency(replacements: Replacement[]): string {
  const [{ at } = { at: new Date() }] = replacements
  const after = (seconds: number) => utcSecond(new Date(at.getTime() + seconds * 1_000))
  const minutes = (seconds: number) => `${seconds / 60} minutes`
  const cacheSeconds = JWKS_MAX_AGE_SECONDS + VERIFIER_CACHE_SECONDS
  return [
    ...replacements.map(
      ({ alg, dropped, active, reserve }) =>
        `${alg}: dropped ${dropped.join(', ') || 'none'}\n  ` +
        (active === null
          ? 'SIGNING_ALGORITHMS does not name it: nothing takes their places.'
          : `${active} signs, ${reserve} stands in reserve.`)
    ),
    '',
    `From ${utcSecond(at)} UTC on`,
    '- here, access tokens from before are refused: /verify-token, introspection, userinfo, /users and the like say 401.',
    '  Refresh tokens and sessions stay: applications refresh, nobody logs in anew.',
    `- services that verify by the key set believe the dropped keys until they fetch it again: with common caches for`,
    `  ${minutes(cacheSeconds)} at most, until ${after(cacheSeconds)}. The last token from before that was really ours is past after`,
    `  ${minutes(LONGEST_TOKEN_SECONDS)}, at ${after(LONGEST_TOKEN_SECONDS)}.`,
    '- such services refuse new tokens until they have fetched the new keys: at once where an unknown kid makes them',
    `  fetch, everywhere by ${after(cacheSeconds)}, ${minutes(cacheSeconds)} from then. Restart those that cannot wait.`,
    '- ID tokens from before are no hints any more: at a logout by them, people are asked.'
  ].join('\n')
}

function date(at: Date | null): string {
  return at === null ? '–' : utcMinute(at)
}

/** Such as "in 90 days". */
function until(at: Date, now: Date): string {
  const minutes = Math.ceil((at.getTime() - now.getTime()) / 60_000)
  if (minutes < 120) return `in ${minutes} min`
  return minutes < 2_880
    ? `in ${Math.round(minutes / 60)} h`
    : `in ${Math.round(minutes / 1_440)} days`
}
