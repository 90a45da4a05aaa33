import type { Audit } from '../audit/record.ts'
import type { Config } from '../config.ts'
import type { Platform } from '../platform/open-platform.ts'
import type { RevocationFeed } from '../tokens/revocation-feed.ts'
import type { SpendJti } from './jti-store.ts'
import { createCallerMemory } from './caller-memory.ts'
import { createClientAdminStore } from './client-admin-store.ts'
import { createClientAssertions } from './client-assertion.ts'
import { createClientAuthentication, createProofReader } from './client-authentication.ts'
import { createClientFinder } from './client-finder.ts'
import { createClientKeys } from './client-keys.ts'
import { createClientMemory } from './client-memory.ts'
import { createClientStore } from './client-store.ts'
import { createClients } from './clients.ts'
import { createDocumentStore } from './documents/document-store.ts'
import { createClientDocuments } from './documents/documents.ts'
import { createDocumentFetcher } from './documents/fetch-document.ts'
import { createInitialAccessTokenStore } from './initial-access-token-store.ts'
import { createInitialAccessTokens } from './initial-access-tokens.ts'
import { createRegistrationStore } from './registration-store.ts'
import { createRegistration } from './registration.ts'
import { createRingRule } from './ring-rule.ts'
import { createSectorRule } from './sector.ts'

export type ClientsDeps = {
  platform: Platform
  config: Config
  record: Audit
  revocationFeed: RevocationFeed
  spendJti: SpendJti
}

/** The applications and services themselves: who they are, how they prove it, and how they come to be known. */
export function openClients(deps: ClientsDeps) {
  const { platform, config, record, revocationFeed, spendJti } = deps
  const { postgres, clock } = platform
  const { issuer } = config

  const memory = createClientMemory()
  const clientStore = createClientAdminStore({
    postgres,
    clock,
    record,
    onChange: memory.forget
  })
  const requireSector = createSectorRule(platform.outbound)
  const requireRings = createRingRule(config.signingAlgorithms)
  const initialAccessTokens = createInitialAccessTokens(
    createInitialAccessTokenStore({ postgres, clock, record })
  )
  const documents = config.clientIdMetadataDocuments
    ? createClientDocuments({
        fetchDocument: createDocumentFetcher(platform.outbound),
        store: createDocumentStore({ postgres, clock }),
        clock,
        requireRings,
        bounds: {
          scopes: config.clientIdMetadataScopes,
          audiences: config.clientIdMetadataAudiences
        }
      })
    : null
  const { find } = createClientStore(postgres, memory)
  const findClient = createClientFinder({ find, documents })
  const keysOf = createClientKeys({ outbound: platform.outbound, clock })

  const authenticateClient = createClientAuthentication({
    findClient,
    verifyAssertion: createClientAssertions({
      keysOf,
      spendJti,
      clock,
      audience: ['', '/oauth/token', '/oauth/par', '/oauth/device_authorization'].map(
        (path) => issuer + path
      )
    })
  })

  const { recallFresh } = memory
  const recallCaller = createCallerMemory(recallFresh, createProofReader(recallFresh))

  return {
    memory,
    findClient,
    keysOf,
    noteDocument: documents?.note ?? null,
    authenticateClient,
    recallCaller,
    clients: createClients({
      store: clientStore,
      requireSector,
      requireRings,
      revocationFeed
    }),
    initialAccessTokens,
    registration: createRegistration({
      isOpen: config.dynamicRegistration === 'open',
      initialAccessTokens,
      registrations: createRegistrationStore(postgres),
      clients: clientStore,
      requireSector,
      requireRings,
      revocationFeed
    })
  }
}
