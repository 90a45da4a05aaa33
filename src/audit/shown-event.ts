import type { Sealer } from '../platform/keys/sealer.ts'
import type { Reader } from '../platform/replica.ts'
import { addressOwner, createEventAddresses } from './event-address.ts'
import type { StoredEvent } from './event-row.ts'
import { createPersonKeyStore } from './person-key-store.ts'

/** An event as it is shown to people. */
export type TrailEntry = Omit<StoredEvent, 'addressSealed'> & { address: string | null }

/** Opens the addresses of events, as far as their owners were not erased. */
export function createEventViewer({ reader, sealer }: { reader: Reader; sealer: Sealer }) {
  const personKeys = createPersonKeyStore(sealer)
  const { openAddress } = createEventAddresses(sealer)

  return async function show(events: StoredEvent[]): Promise<TrailEntry[]> {
    const owners = events.map(addressOwner).filter((owner) => owner !== null)
    const keys = await personKeys.find(reader, [...new Set(owners)])
    return events.map(({ addressSealed, ...event }) => ({
      ...event,
      address: addressSealed && openAddress(addressSealed, event.id, addressOwner(event), keys)
    }))
  }
}
