import type { GuessSubject } from '../abuse/guess.ts'
import type { Postgres } from '../platform/postgres.ts'

export type FindOwnLanes = ReturnType<typeof createOwnLanes>

/** Where guesses are counted at somebody's account. */
export function createOwnLanes(postgres: Postgres) {
  /** By anybody, and from each browser that has logged in before. */
  return async function findOwnLanes(userId: string): Promise<GuessSubject[]> {
    const devices = await postgres.read((db) =>
      db.knownDevice.findMany({ where: { userId }, select: { nonceHash: true } })
    )
    return [
      { account: userId },
      ...devices.map(({ nonceHash }) => ({ device: Buffer.from(nonceHash).toString('hex') }))
    ]
  }
}
