import type { User } from '../accounts/user.ts'

/** What may be asked of a claim (OpenID Connect Core §5.5.1). */
type ClaimRequest = { essential?: boolean; value?: string; values?: string[] } | null
/** The `claims` parameter: what is wanted by userinfo and what in the ID token. */
export type ClaimsRequest = {
  userinfo?: Record<string, ClaimRequest>
  id_token?: Record<string, ClaimRequest>
}

/** What each scope stands for (OpenID Connect Core §5.4). `address` may be asked for: nothing is held behind it. */
const SCOPE_CLAIMS: Record<string, string[]> = {
  profile: ['name', 'given_name', 'family_name', 'preferred_username', 'locale'],
  email: ['email', 'email_verified'],
  phone: ['phone_number', 'phone_number_verified']
}

/** Everything that is told about a person, for the metadata. */
export const USER_CLAIMS = Object.values(SCOPE_CLAIMS).flat()

/** The claims about a person that scopes and the `claims` parameter ask for; what is not known is left out. */
export function claimsAbout(
  user: User,
  scopes: string[],
  requested: Record<string, ClaimRequest> = {}
): Record<string, unknown> {
  const known: Record<string, unknown> = {
    name: fullName(user),
    given_name: user.name,
    family_name: user.surname,
    preferred_username: user.username,
    locale: user.locale,
    email: user.email,
    email_verified: user.emailVerifiedAt !== null,
    phone_number: user.phoneNumber,
    phone_number_verified: user.phoneNumber === null ? null : false
  }
  const names = [...scopes.flatMap((scope) => SCOPE_CLAIMS[scope] ?? []), ...Object.keys(requested)]
  const told = names.filter((name) => Object.hasOwn(known, name) && (known[name] ?? null) !== null)
  return Object.fromEntries(told.map((name) => [name, known[name]]))
}

/** The scopes that stand for the claims about a person that a request names: nobody agrees to less than is told. */
export function scopesBehind(request: ClaimsRequest | null): string[] {
  const names = [request?.userinfo, request?.id_token].flatMap((part) => Object.keys(part ?? {}))
  return [...new Set(names.map(scopeOf).filter((scope) => scope !== undefined))]
}

/** A request without the claims that stand for scopes beyond `allowed`: the parameter opens no other way to them. */
export function claimsWithin(request: ClaimsRequest, allowed: string[]): ClaimsRequest {
  const within = (part: Record<string, ClaimRequest> | null | undefined) =>
    Object.fromEntries(
      Object.entries(part ?? {}).filter(([name]) => {
        const scope = scopeOf(name)
        return scope === undefined || allowed.includes(scope)
      })
    )
  return { userinfo: within(request.userinfo), id_token: within(request.id_token) }
}

/** @returns undefined for what no scope guards, such as `auth_time` */
function scopeOf(claim: string): string | undefined {
  const scopes = Object.entries(SCOPE_CLAIMS).find(([, claims]) => claims.includes(claim))
  return scopes?.[0]
}

function fullName({ name, surname }: User): string | null {
  const parts = [name, surname].filter((part) => part !== null && part !== '')
  return parts.length === 0 ? null : parts.join(' ')
}

/** Claims about the login, of which a value counts; of those about the person only the names do. */
const VALUED_CLAIMS = ['sub', 'acr']
const KNOWN_CLAIMS = [...USER_CLAIMS, ...VALUED_CLAIMS, 'auth_time']

/**
 * Reads a `claims` parameter. Claims that nobody knows here are passed over (OpenID Connect Core §5.5).
 * @returns null for what is not one
 */
export function parseClaimsRequest(text: string): ClaimsRequest | null {
  const value = parseJson(text)
  if (!isRecord(value)) return null
  const userinfo = parsePart(value['userinfo'] ?? {})
  const idToken = parsePart(value['id_token'] ?? {})
  return userinfo === null || idToken === null ? null : { userinfo, id_token: idToken }
}

function parsePart(part: unknown): Record<string, ClaimRequest> | null {
  if (!isRecord(part)) return null
  const known: Record<string, ClaimRequest> = {}
  for (const name of KNOWN_CLAIMS.filter((claim) => Object.hasOwn(part, claim))) {
    const request = part[name]
    if (request !== null && !isRecord(request)) return null
    const isValued = request !== null && VALUED_CLAIMS.includes(name)
    const read = isValued ? readValues(request) : null
    if (read === undefined) return null
    known[name] = read
  }
  return known
}

/** @returns undefined for values that can be nobody's, nor kept by Postgres */
function readValues({ essential, value, values }: Record<string, unknown>) {
  const isGood =
    (value === undefined || isText(value)) && (values === undefined || areTexts(values))
  if (!isGood) return undefined
  return {
    ...(essential === true && { essential }),
    ...(value !== undefined && { value }),
    ...(values !== undefined && { values })
  }
}

function areTexts(values: unknown): values is string[] {
  return Array.isArray(values) && values.every(isText)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && !/[\p{Cc}\p{Cs}]/u.test(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
