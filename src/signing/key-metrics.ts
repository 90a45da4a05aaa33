import type { Clock } from '../platform/clock.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { KeyRing } from './key-ring.ts'
import { viewRings } from './overview.ts'
import { phaseOf, type RotationRules } from './ring-plan.ts'

/** What Prometheus is told of the signing keys: how old each is, and when the next one begins to sign. */
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
    'Since a published signing key was announced',
    ['kid', 'alg', 'phase'],
    () =>
      liveKeys().map(({ key: { kid, alg, announcedAt }, phase }) => ({
        labels: { kid, alg, phase },
        value: -secondsUntil(announcedAt)
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
