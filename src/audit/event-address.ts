import { seal, sealingKeyId, unseal } from '../lib/aes-gcm.ts'
import type { Sealer } from '../platform/keys/sealer.ts'
import type { PersonKeys } from './person-key-store.ts'

/** In front of what a person's own key has sealed. The ids of data keys are random, so none is this one. */
const PERSON_KEY_ID = '00000000'

/** Whose address an event holds: the one of whoever did it, else of the person it is about. */
export function addressOwner(event: {
  actorId?: string | null
  userId?: string | null
}): string | null {
  return event.actorId ?? event.userId ?? null
}

/**
 * The addresses in events, sealed: under its owner's key, or under the general one where nobody is named.
 * Events from before there were keys of people have all theirs under the general one.
 */
export function createEventAddresses(sealer: Sealer) {
  /** @returns null for somebody whose key was destroyed: nothing about them is written down any more */
  function sealAddress(
    address: string,
    id: string,
    owner: string | null,
    keys: PersonKeys
  ): Uint8Array<ArrayBuffer> | null {
    if (owner === null) return sealer.sealBytes('audit', Buffer.from(address), place(id))
    const key = keys.get(owner) ?? null
    if (key === null) return null
    const sealed = seal({ id: PERSON_KEY_ID, key }, Buffer.from(address), describe(id))
    return new Uint8Array(sealed)
  }

  /** @returns null once its owner was erased, under whichever key it lies */
  function openAddress(
    sealed: Uint8Array,
    id: string,
    owner: string | null,
    keys: PersonKeys
  ): string | null {
    const key = owner === null ? undefined : keys.get(owner)
    if (key === null) return null
    if (sealingKeyId(sealed) !== PERSON_KEY_ID) {
      return sealer.openBytes('audit', sealed, place(id)).toString()
    }
    return key === undefined ? null : (unseal(key, sealed, describe(id))?.toString() ?? null)
  }

  return { sealAddress, openAddress }
}

const place = (id: string) => ({ table: 'audit_event', column: 'address_sealed', row: id })
const describe = (id: string) => `audit_event.address_sealed.${id}`
