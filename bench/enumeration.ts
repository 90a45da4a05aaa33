// npm run measure:enumeration: does the time of an answer tell who has an account? A server of its own in
// production mode, over HTTP, one request at a time; run it on a quiet machine.
import { startScene } from './enumeration/scene.ts'
import { compare, percentile, type Sample } from './enumeration/statistics.ts'

const SAMPLES = Number(process.env['SAMPLES'] ?? 300)
/** SECURITY P3. */
const TOLERANCE = 0.1
const WARM_UP = 20

const VERBS = {
  login: ['/auth/login', { password: 'not-the-password-7' }],
  register: ['/auth/register', { password: 'strangers-password-88' }],
  forgot: ['/auth/forgot-password', {}],
  resend: ['/auth/resend-verification', {}]
} as const

const scene = await startScene()
try {
  let isSame = true
  for (const [verb, [path, form]] of Object.entries(VERBS)) {
    const samples: Sample[] = []
    for (let round = -WARM_UP; round < SAMPLES; round += 1) {
      // In turn and each time in another order, so that a load on the machine hits all alike.
      for (const kind of scene.kinds.toSorted(() => Math.random() - 0.5)) {
        const email = scene.addressOf(kind, Math.abs(round))
        const { status, tookMs } = await scene.post(path, { email, ...form })
        if (round >= 0) samples.push({ kind, status, tookMs })
      }
    }
    isSame = report(verb, samples) && isSame
  }
  console.log(isSame ? 'No answer tells by its time.' : 'Some answers tell by their time.')
  process.exitCode = isSame ? 0 : 1
} finally {
  await scene.close()
}

/** One line a kind of account. @returns whether all are alike */
function report(verb: string, samples: Sample[]): boolean {
  let isSame = true
  for (const { kind, times, statuses, difference } of compare(samples, 'unknown')) {
    const isFar = Math.abs(difference) > TOLERANCE
    if (isFar) isSame = false
    console.log(
      [
        verb.padEnd(9),
        kind.padEnd(11),
        `n ${times.length}`,
        `status ${[...statuses].join()}`,
        `p10 ${percentile(times, 0.1).toFixed(2)} ms`,
        `median ${percentile(times, 0.5).toFixed(2)} ms`,
        `p90 ${percentile(times, 0.9).toFixed(2)} ms`,
        `${difference < 0 ? '' : '+'}${(difference * 100).toFixed(1)} %`,
        isFar ? 'TOO FAR' : ''
      ].join('  ')
    )
  }
  return isSame
}
