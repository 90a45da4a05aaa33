import type { ClientAct } from '../../src/oauth/client-admin-store.ts'
import { GRANT_TYPES } from '../../src/oauth/client.ts'
import type { InitialAccessTokens } from '../../src/oauth/initial-access-tokens.ts'
import type { RegistrationPolicy } from '../../src/oauth/registration-policy.ts'
import { ScriptError } from '../support/run-script.ts'
import type { Options } from './command-line.ts'

export type InitialTokenCall = {
  tokens: InitialAccessTokens
  act: ClientAct
  /** `initial-token` and create, list or revoke; and the name or the id. */
  command: string
  object: string
  values: Options
}

/** `npm run clients -- initial-token …` */
export async function initialToken(call: InitialTokenCall): Promise<void> {
  const { tokens, act, command, object, values } = call
  switch (command) {
    case 'initial-token create': {
      const { entry, token } = await tokens.create(
        { name: object, ...boundsOf(values), expires_in_days: expiresDays(values) },
        act
      )
      console.log(`Created ${entry.name}.\n\n  id     ${entry.id}\n  token  ${token}\n`)
      console.log('It is shown this once. Who has it registers clients at /oauth/register.')
      return
    }
    case 'initial-token list':
      return listTokens(tokens)
    case 'initial-token revoke':
      if (!UUID.test(object)) throw new ScriptError('Say which: the id that the list shows.')
      await tokens.revoke(object, act)
      console.log('Revoked. Clients that were registered with it stay.')
      return
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

function boundsOf(values: Options): Partial<RegistrationPolicy> {
  const { scope, audience, grants } = values
  const shown = grants?.split(/[\s,]+/).filter((grant) => grant !== '') ?? []
  const named = shown.map((grant) => {
    const known = GRANT_TYPES.find((type) => type === grant || type.split(':').at(-1) === grant)
    if (known === undefined) {
      const names = GRANT_TYPES.map((type) => type.split(':').at(-1)).join(', ')
      throw new ScriptError(`There is no grant "${grant}". There are ${names}.`)
    }
    return known
  })
  return {
    require_pkce: !values['no-pkce'],
    ...(scope !== undefined && { scope }),
    ...(named.length > 0 && { grant_types: named }),
    ...(audience !== undefined && { audiences: audience })
  }
}

function expiresDays(values: Options): number | null {
  const text = values['expires-days']
  if (text === undefined) return null
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text)
  throw new ScriptError('--expires-days is a number of days, from 1 to 9999.')
}

async function listTokens({ list: page }: InitialAccessTokens): Promise<void> {
  let before: string | undefined
  for (;;) {
    const tokens = await page(200, before)
    if (tokens.length === 0 && before === undefined) console.log('There are none yet.')
    for (const { id, name, policy, expiresAt, revokedAt } of tokens) {
      const end = expiresAt === null ? '' : `, until ${expiresAt.toISOString().slice(0, 10)}`
      const state = revokedAt === null ? '' : ', revoked'
      console.log(`${id}  ${name}  (${policy.scope}${end}${state})`)
    }
    before = tokens.at(-1)?.id
    if (tokens.length < 200 || before === undefined) return
  }
}
