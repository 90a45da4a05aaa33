import type { Audit } from '../../audit/record.ts'
import type { Config } from '../../config.ts'
import { startLoop } from '../../platform/loop.ts'
import type { Platform } from '../../platform/open-platform.ts'
import { createAddressStore } from './address-store.ts'
import { createKeeper } from './keeper.ts'
import { createKeyStore } from './key-store.ts'
import { createLease } from './lease-store.ts'
import { createResealStore } from './reseal-store.ts'
import { createRowsLeftStore } from './rows-left-store.ts'

const ROUND_MS = 1_000

export type DataKeyRoom = ReturnType<typeof openDataKeyRoom>

/** The keys of our own and their change, for servers and for the command line. */
export function openDataKeyRoom(
  { postgres, dataKeys, sealer, clock }: Platform,
  { dataKeyAnnounceSeconds: announceSeconds }: Pick<Config, 'dataKeyAnnounceSeconds'>,
  record: Audit
) {
  const keys = createKeyStore({ postgres, dataKeys, record, announceSeconds })
  const left = createRowsLeftStore({ postgres, dataKeys })
  const lease = createLease('data_keys')
  const reseal = createResealStore({ postgres, sealer, lease })
  const addresses = createAddressStore({ postgres, sealer, dataKeys, lease })
  const stands = { dataKeys, clock, keys, left, reseal, addresses, announceSeconds }

  /** For metrics and reports: rows under keys that are not the active ones. */
  const countRowsLeft = () => left.countRowsLeft(clock.now())

  /** Lets another server go on at once. */
  const release = () => lease.release(postgres)

  return { keys, countRowsLeft, release, stands }
}

/** Brings along, in the background, what lies under older keys. */
export function startKeyKeeper(
  { stands, release }: DataKeyRoom,
  onFault: (error: unknown) => void
) {
  const keeper = createKeeper(stands)
  const loop = startLoop({ intervalMs: ROUND_MS, work: keeper.round, onFault })
  return {
    stop: async () => {
      keeper.stop()
      await loop.stop()
      await release().catch(onFault)
    }
  }
}
