// npm run bench:grow [-- --scale 0.01]: fills the migrated, empty database of DATABASE_URL, as its superuser.
import { parseArgs } from 'node:util'
import { readConfig } from '../../src/config.ts'
import { openPlatform } from '../../src/platform/open-platform.ts'
import { fill } from './fill.ts'
import { emailOf, PASSWORD, populationOf, type Population } from './population.ts'
import { sealNewest } from './seal-newest.ts'

/** Fills the database that the settings name. @returns what is in it */
export async function grow(
  env: Record<string, string | undefined>,
  scale: number,
  tell: (line: string) => void
): Promise<Population> {
  const config = readConfig(env)
  const { databaseUrl } = config
  if (databaseUrl === undefined) throw new Error('Set DATABASE_URL.')
  const platform = await openPlatform({ ...config, databaseUrl }, console.error)
  try {
    const { sealer, clock, dataKeys } = platform
    const population = populationOf(scale, clock.now().getTime())
    await fill({ databaseUrl, sealer, population, tell })
    const since = await sealNewest(databaseUrl, dataKeys)
    tell(`chain: sealed from ${since.toISOString()} on; older events are in no seal`)
    return population
  } finally {
    await platform.close()
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { scale: { type: 'string', default: '1' } } })
  const population = await grow(process.env, Number(values.scale), console.log)
  const last = emailOf(population.users - 2)
  console.log(`Anybody from ${emailOf(0)} to ${last} logs in with ${PASSWORD}`)
}
