import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** What x86-64-v3 has and older machines lack; a program built for it ends there with SIGILL. */
const NEEDED = ['avx2', 'bmi1', 'bmi2', 'f16c', 'fma', 'abm', 'movbe']

// A binary that `npm run tune` or the image built is found first. Where this machine cannot run it, the one that
// the package brings is loaded: node-gyp-build reads the variable.
if (process.arch === 'x64' && !canRunV3()) process.env['PREBUILDS_ONLY'] = '1'

export const argon2 = createRequire(import.meta.url)('argon2') as typeof import('argon2')

/** Which binary hashes the passwords: the package's own runs everywhere, and takes twice as long. */
export function argon2Binary(): 'tuned' | 'shipped' {
  const { sharedObjects } = process.report.getReport() as { sharedObjects: string[] }
  return sharedObjects.some((path) => /argon2\/build\//.test(path)) ? 'tuned' : 'shipped'
}

/** How long a hash of this cost takes here: the quicker of a few, for the others had to share the machine. */
export async function measureHashMs(
  { memoryKib, passes }: { memoryKib: number; passes: number },
  rounds = 3
): Promise<number> {
  const options = {
    type: argon2.argon2id,
    memoryCost: memoryKib,
    timeCost: passes,
    parallelism: 1
  } as const
  const times: number[] = []
  for (let round = 0; round < rounds; round += 1) {
    const startedMs = performance.now()
    await argon2.hash('nobody’s password', options)
    times.push(performance.now() - startedMs)
  }
  return Math.min(...times)
}

function canRunV3(): boolean {
  try {
    const flags =
      /^flags\s*:(.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' ') ?? []
    return NEEDED.every((flag) => flags.includes(flag))
  } catch {
    return true // no Linux: only what was built there is here
  }
}
