import type { Config } from '../src/config.ts'
import { createAudit } from '../src/audit/record.ts'
import { createClientAdminStore } from '../src/oauth/client-admin-store.ts'
import type { NewClientBody } from '../src/oauth/client-metadata.ts'
import { createClients } from '../src/oauth/clients.ts'
import { createRingRule } from '../src/oauth/ring-rule.ts'
import { createSectorRule } from '../src/oauth/sector.ts'
import type { GrantType } from '../src/oauth/client.ts'
import { createInitialAccessTokenStore } from '../src/oauth/initial-access-token-store.ts'
import { createInitialAccessTokens } from '../src/oauth/initial-access-tokens.ts'
import { toWireClient } from '../src/oauth/client-policy.ts'
import type { Platform } from '../src/platform/open-platform.ts'
import { runScript } from './support/run-script.ts'
import { readClientsLine, type ClientsLine, type Options } from './clients/command-line.ts'
import { initialToken } from './clients/initial-token.ts'

const line = readClientsLine()
if (line !== null) await runScript((platform, config) => run(platform, config, line))

async function run(
  platform: Platform,
  config: Pick<Config, 'signingAlgorithms'>,
  { command, operands, values }: ClientsLine
): Promise<void> {
  const { postgres, clock, sealer, outbound } = platform
  const [subject = ''] = operands
  const record = createAudit({ sealer, clock })
  const store = createClientAdminStore({ postgres, clock, record })
  // The servers read the revocation from Postgres within half a second.
  const announce = () => undefined
  const clients = createClients({
    store,
    requireSector: createSectorRule(outbound),
    requireRings: createRingRule(config.signingAlgorithms),
    revocationFeed: { announce }
  })
  const origin = { requestId: 'npm run clients', address: 'operator' }
  const act = { origin, by: { operator: true } as const }
  if (command.startsWith('initial-token ')) {
    const tokens = createInitialAccessTokens(
      createInitialAccessTokenStore({ postgres, clock, record })
    )
    return initialToken({ tokens, act, command, object: subject, values })
  }
  switch (command) {
    case 'list':
      return list(clients)
    case 'create': {
      const { client, secret } = await clients.create(bodyOf(subject, values), act)
      console.log(`Created ${client.name}.\n\n  client_id      ${client.id}`)
      if (secret !== null) console.log(`  client_secret  ${secret}\n\nIt is shown this once.`)
      return
    }
    case 'show':
      console.log(JSON.stringify(toWireClient(await clients.find(subject)), null, 2))
      return
    case 'rotate-secret': {
      const secret = await clients.rotateSecret(subject, act)
      console.log(
        `  client_secret  ${secret}\n\nShown this once; the one before works for a day more.`
      )
      return
    }
    case 'disable':
    case 'enable':
      await clients.setDisabled(subject, command === 'disable', act)
      console.log(
        command === 'disable'
          ? 'Disabled: it gets no tokens, and those that it has are refused within a second.'
          : 'Enabled.'
      )
      return
    case 'delete':
      await clients.remove(subject, act)
      console.log('Deleted; its tokens are refused.')
      return
  }
}

async function list({ list: page }: ReturnType<typeof createClients>): Promise<void> {
  let after: string | undefined
  for (;;) {
    const clients = await page(200, after)
    if (clients.length === 0 && after === undefined) {
      console.log('There are none yet. One is made with: npm run clients -- create NAME …')
    }
    for (const { id, name, authMethod, grantTypes, disabledAt } of clients) {
      const grants = grantTypes.map((grant) => grant.split(':').at(-1)).join(', ')
      const state = disabledAt === null ? '' : ', disabled'
      console.log(`${id}  ${name}  (${authMethod}; ${grants}${state})`)
    }
    after = clients.at(-1)?.id
    if (clients.length < 200 || after === undefined) return
  }
}

function bodyOf(name: string, values: Options): NewClientBody {
  const { id, scope, audience } = values
  const redirects = values['redirect-uri'] ?? []
  const isWithPerson = !values.service
  return {
    client_name: name,
    ...(id !== undefined && { client_id: id }),
    token_endpoint_auth_method: values.public || values.device ? 'none' : 'client_secret_basic',
    grant_types: grantsOf(values),
    redirect_uris: redirects,
    post_logout_redirect_uris: values['post-logout-redirect-uri'] ?? [],
    backchannel_logout_uri: values['backchannel-logout-uri'] ?? null,
    ...((scope !== undefined || !isWithPerson) && { scope: scope ?? '' }),
    audiences: audience ?? [],
    first_party: values['first-party'],
    resource_server: values['resource-server'],
    shows_roles: values['shows-roles'],
    require_pkce: !values['no-pkce']
  }
}

function grantsOf(values: Options): GrantType[] {
  const exchange: GrantType[] = values.exchange
    ? ['urn:ietf:params:oauth:grant-type:token-exchange']
    : []
  if (values.service) return ['client_credentials', ...exchange]
  if (values.device) return ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token']
  return ['authorization_code', 'refresh_token', ...exchange]
}
