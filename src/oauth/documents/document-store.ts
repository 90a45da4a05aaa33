import { OAuthError } from '../../errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Postgres, Transaction } from '../../platform/postgres.ts'
import type { Client } from '../client.ts'

/** A person lets in so many clients of this kind; more is somebody who fills the table. */
const MAX_PER_PERSON = 100

const DISABLED = {
  name: 'client_document_disabled',
  text: 'SELECT 1 FROM client WHERE id = $1 AND disabled_at IS NOT NULL'
}

const KEPT = { name: 'client_document_kept', text: 'SELECT 1 FROM client WHERE id = $1' }

export type DocumentStore = ReturnType<typeof createDocumentStore>

/**
 * What is kept of clients that describe themselves: a row for each that somebody has let in, so that
 * people and operators see it and can end it. Strangers make none.
 */
export function createDocumentStore({ postgres, clock }: { postgres: Postgres; clock: Clock }) {
  async function isDisabled(id: string): Promise<boolean> {
    return (await postgres.query(DISABLED, [id])).length > 0
  }

  /** Whether somebody has let it in. */
  async function isKept(id: string): Promise<boolean> {
    return (await postgres.query(KEPT, [id])).length > 0
  }

  /**
   * Notes the client as its document has it now, in the transaction of somebody's consent.
   * @throws {OAuthError} `access_denied` for whoever has let in too many
   */
  async function note(tx: Transaction, client: Client, userId: string): Promise<void> {
    const letIn = await tx.consent.count({
      where: { userId, clientId: { startsWith: 'https://', not: client.id } }
    })
    if (letIn >= MAX_PER_PERSON) {
      throw new OAuthError('access_denied', 'You have let in too many applications. End some.')
    }
    await forgetUnused(tx)
    const { id, name, authMethod, redirectUris, grantTypes, scopes, audiences, metadata } = client
    const { jwksUri } = client
    const now = clock.now()
    const shown = { name, authMethod, redirectUris, grantTypes, scopes, audiences, metadata }
    const row = { ...shown, jwksUri, updatedAt: now }
    await tx.client.upsert({
      where: { id },
      create: { id, ...row, createdAt: now },
      update: row
    })
  }

  /** Those that nobody lets in any more, a hundred at once (an array is made once); one that is disabled stays so. */
  async function forgetUnused(tx: Transaction): Promise<void> {
    await tx.$executeRaw`
      DELETE FROM client WHERE id = ANY (ARRAY(
        SELECT c.id FROM client c
         WHERE c.id LIKE 'https://%' AND c.disabled_at IS NULL
           AND c.updated_at < latchkey_now() - interval '1 day'
           AND NOT EXISTS (SELECT 1 FROM consent s WHERE s.client_id = c.id)
         LIMIT 100 FOR UPDATE SKIP LOCKED))`
  }

  return { isDisabled, isKept, note }
}
