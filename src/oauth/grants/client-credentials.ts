import { OAuthError } from '../../errors.ts'
import { isPublic } from '../client.ts'
import { grantAudience, listOf } from '../resources.ts'
import { grantScopes, parseScope } from '../scopes.ts'
import type { Granted } from '../token-answer.ts'
import type { GrantCall } from '../token-endpoint.ts'

/** RFC 6749 §4.4: a service that comes by itself. No person, no session, no refresh token. */
export function clientCredentials({ form, client }: GrantCall): Promise<Granted> {
  if (isPublic(client)) {
    throw new OAuthError('unauthorized_client', 'A client without a secret cannot come by itself.')
  }
  return Promise.resolve({
    kind: 'client',
    scope: grantScopes(client, parseScope(form.scope), false).join(' '),
    audience: grantAudience(client, listOf(form.resource))
  })
}
