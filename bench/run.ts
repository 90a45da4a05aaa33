// npm run bench: how fast is Latchkey, beside what the machine can do and beside its peers, in one run.
import { measureBesides, reportBesides } from './speed/besides.ts'
import { openLatchkey } from './speed/latchkey.ts'
import { measureRounds } from './speed/measure.ts'
import { installPeers } from './speed/peers-installed.ts'
import { openPlace } from './speed/place.ts'
import { readBenchLine } from './speed/command-line.ts'
import { report, toRows, writeResult } from './speed/report.ts'
import { betterAuthSubject } from './speed/subjects/better-auth.ts'
import { latchkeySubject } from './speed/subjects/latchkey.ts'
import { limitSubject } from './speed/subjects/limit.ts'
import { oidcSubject } from './speed/subjects/oidc-provider.ts'

const line = readBenchLine()
if (line.peers) installPeers()
const startedMs = performance.now()
const place = await openPlace()
try {
  const server = await openLatchkey(place)
  const [latchkey, limit, ...peers] = await Promise.all([
    latchkeySubject(server),
    limitSubject(place),
    ...(line.peers
      ? [oidcSubject(place, 'Postgres'), oidcSubject(place, 'Redis'), betterAuthSubject(place)]
      : [])
  ])
  const figures = await measureRounds({ place, latchkey, limit, peers, line })
  const rows = toRows(figures)
  report(rows)
  await writeResult('result.json', rows)
  if (line.besides) {
    const besides = await measureBesides(place, server, Math.min(line.measureMs, 4_000))
    console.log('')
    reportBesides(besides)
    await writeResult('besides.json', besides)
  }
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0)
  console.log(`\n${line.rounds} rounds of ${line.measureMs / 1_000} s each: ${seconds} s in all.`)
} finally {
  await place.close()
}
