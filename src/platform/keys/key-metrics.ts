import type { Clock } from '../clock.ts'
import type { Metrics } from '../metrics.ts'
import { KEY_PURPOSES, type DataKeys } from './data-keys.ts'

/** What Prometheus is told of the data keys: how many of a purpose there are, and how old the newest is. */
export function addDataKeyMetrics(metrics: Metrics, dataKeys: DataKeys, clock: Clock): void {
  metrics.labelledGauge('data_keys', 'Data keys that are held, by purpose', ['purpose'], () =>
    KEY_PURPOSES.map((purpose) => ({
      labels: { purpose },
      value: dataKeys.ofPurpose(purpose).length
    }))
  )
  metrics.labelledGauge(
    'data_key_age_seconds',
    'Since the newest data key of a purpose was made',
    ['purpose'],
    () =>
      KEY_PURPOSES.flatMap((purpose) => {
        const [newest] = dataKeys.ofPurpose(purpose)
        if (newest === undefined) return []
        const ageMs = clock.now().getTime() - newest.activeAt.getTime()
        return [{ labels: { purpose }, value: ageMs / 1_000 }]
      })
  )
}
