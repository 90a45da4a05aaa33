// npm run tune: builds argon2 for this machine, and says which settings make a hash take as long as it should.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readCommandLine } from './support/command-line.ts'
import { calibrate, FLOOR, type Cost } from './tune/calibrate.ts'
import { forgetBuild, rebuildArgon2 } from './tune/rebuild.ts'

const USAGE = `Builds the password hash for this machine's vector instructions, and measures it.

  npm run tune -- [--target-ms 50] [--machine native] [--build-only]
  npm run tune -- --shipped          back to the binary that the package brings

  --target-ms N    how long one hash should take; what it says is never below ${FLOOR.memoryKib} KiB and ${FLOOR.passes} passes
  --machine NAME   as the compiler's -march takes it, such as x86-64-v3
  --build-only     measures nothing

Where no compiler is, the shipped binary stays: it works, and takes about twice as long.`

const line = readCommandLine({
  usage: USAGE,
  options: {
    'target-ms': { type: 'string', default: '50' },
    machine: { type: 'string', default: 'native' },
    'build-only': { type: 'boolean', default: false },
    shipped: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  },
  commands: { '': [] }
})
if (line !== null) await tune(line.values)

async function tune(values: {
  'target-ms': string
  machine: string
  'build-only': boolean
  shipped: boolean
}): Promise<void> {
  const targetMs = Number(values['target-ms'])
  if (!(targetMs >= 1 && targetMs <= 5_000)) {
    console.error('--target-ms takes milliseconds from 1 to 5000.')
    process.exitCode = 1
    return
  }
  if (values.shipped) {
    await forgetBuild()
    console.log('The shipped binary hashes the passwords.')
  } else await build(values.machine)
  if (values['build-only']) return
  const { memoryKib, passes, ms } = await calibrate(targetMs, hashMs)
  console.log(`One hash takes ${ms.toFixed(1)} ms with:\n`)
  console.log(`  ARGON2_MEMORY_KIB=${memoryKib}\n  ARGON2_PASSES=${passes}\n`)
  if (memoryKib === FLOOR.memoryKib && ms > targetMs) {
    console.log('That is longer than asked for, and as little as is safe.')
  }
}

/** Built, tried, and taken back if it does not run or is no faster. */
async function build(machine: string): Promise<void> {
  await forgetBuild()
  const before = await measure(FLOOR)
  const reason = await rebuildArgon2(machine)
  if (reason !== null) {
    console.log(`The shipped binary stays, for argon2 could not be built: ${reason}`)
    return
  }
  const after = await measure(FLOOR).catch(() => null)
  if (after?.binary !== 'tuned' || after.ms > before.ms * 1.1) {
    await forgetBuild()
    console.log('The shipped binary stays: what was built here does not run, or is no faster.')
    return
  }
  const [shipped, tuned] = [before.ms.toFixed(1), after.ms.toFixed(1)]
  console.log(`argon2 is built for this machine: a hash took ${shipped} ms and takes ${tuned}.`)
  console.log('Restart the server. An update of the packages brings the shipped binary back.')
}

async function hashMs(cost: Cost): Promise<number> {
  return (await measure(cost)).ms
}

async function measure({ memoryKib, passes }: Cost): Promise<{ ms: number; binary: string }> {
  const file = join(import.meta.dirname, 'tune/hash-time.ts')
  const args = [file, String(memoryKib), String(passes)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return JSON.parse(stdout)
}
