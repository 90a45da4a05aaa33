import { argon2Binary, measureHashMs } from '../../accounts/argon2.ts'
import type { Config } from '../../config.ts'
import { probeSmtp } from '../../mail/transport.ts'
import { probeRedis } from '../../platform/ephemeral/probe.ts'
import { codeOf, error, note, ok, warn, type Check, type Finding } from './finding.ts'

/** What needs nothing but the settings: Redis, the mail server, and what hashes the passwords. */
export const SURROUNDINGS: readonly Check<Config>[] = [
  { name: 'redis', look: lookAtRedis },
  { name: 'smtp', look: lookAtSmtp },
  { name: 'seeing', look: lookAtSeeing },
  { name: 'password hash', look: lookAtPasswordHash }
]

async function lookAtRedis({ redisUrl }: Config): Promise<Finding[]> {
  if (redisUrl === undefined) return [ok('Not set: counters and caches are in the process.')]
  const state = await probeRedis(redisUrl)
  if (!state.isUp) {
    const todo =
      'Start it, or mend REDIS_URL. Meanwhile the servers go on without it, with stricter limits.'
    return [error(`The Redis of REDIS_URL does not answer or refuses us (${state.code}).`, todo)]
  }
  const { masters, lostSentinels } = state
  const findings: Finding[] = []
  // Nothing is only in Redis, so nothing is lost: but evicted counters let floods through.
  const evicting = masters.filter(
    (one) => one.maxMemoryBytes > 0 && one.evictionPolicy !== 'noeviction'
  )
  if (evicting.length > 0) {
    const where = masters.length > 1 ? ` (${evicting.length} of ${masters.length} masters)` : ''
    findings.push(
      warn(
        `Redis evicts keys when its memory is full (${evicting[0]?.evictionPolicy ?? ''})${where}: limits would forget what they counted.`,
        'Set maxmemory-policy to noeviction.'
      )
    )
  }
  if (lostSentinels.length > 0) {
    findings.push(
      warn(
        `Sentinels that do not answer, or do not know the master: ${lostSentinels.join(', ')}.`,
        'Start them, or mend REDIS_URL: without a majority of them nothing fails over.'
      )
    )
  }
  if (findings.length > 0) return findings
  return [ok(masters.length > 1 ? `Answers: ${masters.length} masters.` : 'Answers.')]
}

const COLLECTOR_WAIT_MS = 3_000

/** Whether somebody would be told when something fails. */
async function lookAtSeeing(config: Config): Promise<Finding[]> {
  const { production, metricsToken, metricsPort, traceEndpoint } = config
  const findings: Finding[] = []
  if (production && metricsToken === undefined && metricsPort === undefined) {
    const todo = 'Set METRICS_TOKEN, and give Prometheus deploy/prometheus/alerts.yaml.'
    findings.push(note('Nobody can read metrics, so no alert would ring.', todo))
  }
  if (traceEndpoint !== undefined && !(await answers(traceEndpoint))) {
    const says = 'The collector of OTEL_EXPORTER_OTLP_ENDPOINT does not answer: traces are lost.'
    findings.push(warn(says, 'Start it, or mend or unset OTEL_EXPORTER_OTLP_ENDPOINT.'))
  }
  return findings.length > 0
    ? findings
    : [ok('Metrics can be read, and traces sent where asked for.')]
}

/** Any answer will do: an empty POST is refused by some collectors. */
async function answers(url: string): Promise<boolean> {
  const request = { method: 'HEAD', signal: AbortSignal.timeout(COLLECTOR_WAIT_MS) }
  return fetch(url, request).then(
    () => true,
    () => false
  )
}

async function lookAtSmtp({ smtpUrl }: Config): Promise<Finding[]> {
  if (smtpUrl === undefined) return [ok('Not set: mail is kept as files.')]
  try {
    await probeSmtp(smtpUrl)
    return [ok('Answers and lets us in. No mail was sent.')]
  } catch (fault) {
    const todo = 'Start it, or mend SMTP_URL. Meanwhile mail waits in the outbox.'
    return [error(`The mail server of SMTP_URL does not take us (${codeOf(fault)}).`, todo)]
  }
}

async function lookAtPasswordHash(config: Config): Promise<Finding[]> {
  const { argon2MemoryKib: memoryKib, argon2Passes: passes } = config
  const ms = Math.round(await measureHashMs({ memoryKib, passes }))
  const takes = `one hash takes about ${ms} ms with ARGON2_MEMORY_KIB=${memoryKib} and ARGON2_PASSES=${passes}`
  if (argon2Binary() === 'tuned') return [ok(`argon2 is built for this kind of machine; ${takes}.`)]
  const todo =
    'npm run tune builds it for this machine where a compiler is, and says which settings take how long.'
  return [note(`argon2 is the binary of its package, for any machine; ${takes}.`, todo)]
}
