import type { Clock } from '../platform/clock.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { KeyRing } from './key-ring.ts'
import { viewRings } from './overview.ts'
import { phaseOf, type RotationRules } from './ring-plan.ts'

/** What Prometheus is told of the signing keys: how long each has signed, and when the next one begins to sign. */
export function addSigningKeyMetrics(
  metrics: Metrics,
  { keyRing, clock, rules }: { keyRing: KeyRing; clock: Clock; rules: RotationRules }
): void {
  const liveKeys = () => {
    const now = clock.now()
    return keyRing
      .all()
      .map((key) => ({ key, phase: phaseOf(key, now) }))
      .filter(({ phase }) => phase !== 'gone')
  }
  const secondsUntil = (date: Date) => (date.getTime() - clock.now().getTime()) / 1_000

  metrics.labelledGauge(
    'signing_keys',
    'Signing keys that are published, by what they are for',
    ['phase'],
    () => {
      const keys = liveKeys()
      return ['announced', 'active', 'retiring'].map((phase) => ({
        labels: { phase },
        value: keys.filter((key) => key.phase === phase).length
      }))
    }
  )
  metrics.labelledGauge(
    'signing_key_age_seconds',
    'Since a published signing key began to sign; a reserve, which waits as long as the one before it signs, has none',
    ['kid', 'alg', 'phase'],
    () =>
      liveKeys()
        .filter(({ key }) => key.activeAt <= clock.now())
        .map(({ key: { kid, alg, activeAt }, phase }) => ({
          labels: { kid, alg, phase },
          value: -secondsUntil(activeAt)
        }))
  )
  metrics.gauge(
    'signing_key_next_seconds',
    'Until the next key begins to sign; absent where no rotation is planned',
    () => {
      const dates = viewRings(keyRing.all(), keyRing.algorithms, clock.now(), rules)
        .map(({ rotatesAt }) => rotatesAt)
        .filter((date) => date !== null)
      if (dates.length === 0) throw new Error('No rotation is planned.')
      return Math.min(...dates.map(secondsUntil))
    }
  )
}
