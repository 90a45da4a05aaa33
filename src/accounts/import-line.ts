import { Type, type Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { EmailField, Line } from '../http/schemas.ts'
import { parseEmailAddress } from '../lib/email-address.ts'
import { readForeignHash, toStoredHash } from './foreign-hashes/schemes.ts'
import { LocaleField, PhoneField, UsernameField } from './schemas.ts'
import type { ImportedPerson } from './user-import-store.ts'

/** A line of the file: the fields of the wire, with what an operator may say beside them. */
export const ImportLine = Type.Object(
  {
    email: EmailField,
    email_verified: Type.Optional(Type.Boolean()),
    username: Type.Optional(UsernameField),
    name: Type.Optional(Line(200)),
    surname: Type.Optional(Line(200)),
    phone_number: Type.Optional(PhoneField),
    locale: Type.Optional(LocaleField),
    roles: Type.Optional(Type.Array(Type.String({ maxLength: 64 }), { minItems: 1, maxItems: 32 })),
    password_hash: Type.Optional(Line(2_048))
  },
  { additionalProperties: false }
)
export type ImportLine = Static<typeof ImportLine>

const validator = Compile(ImportLine)
const FIELDS = Object.keys(ImportLine.properties)
const DEFAULT_ROLES = ['user']

/**
 * Reads one line. Pure.
 * @returns the person, or why the line is not taken: a sentence that names fields, never values
 */
export function parseImportLine(
  text: string,
  roleExists: (role: string) => boolean
): ImportedPerson | { reason: string } {
  const line = parseJson(text)
  if (!validator.Check(line)) return { reason: explain(line) }
  const email = parseEmailAddress(line.email)
  if (email === null) return { reason: 'email: must be an e-mail address' }
  const roles = line.roles ?? DEFAULT_ROLES
  if (!roles.every(roleExists)) return { reason: 'roles: names a role that does not exist' }
  const hash = line.password_hash === undefined ? null : readForeignHash(line.password_hash)
  if (hash !== null && 'refusal' in hash) return { reason: `password_hash: ${hash.refusal}` }
  return {
    email,
    isEmailVerified: line.email_verified ?? false,
    username: line.username ?? null,
    name: line.name ?? null,
    surname: line.surname ?? null,
    phoneNumber: line.phone_number ?? null,
    locale: line.locale ?? null,
    roles: [...new Set(roles)].sort(),
    passwordHash: line.password_hash === undefined ? null : toStoredHash(line.password_hash)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A name that is not one of ours may be somebody's address: it is not repeated. */
function explain(line: unknown): string {
  if (typeof line !== 'object' || line === null || Array.isArray(line)) {
    return 'is not a JSON object'
  }
  if (!('email' in line)) return 'email: is missing'
  if (Object.keys(line).some((name) => !FIELDS.includes(name))) {
    return `has an unknown field; known are ${FIELDS.join(', ')}`
  }
  const [error] = validator.Errors(line)
  const field = error?.instancePath.split('/')[1] ?? ''
  return `${field}: ${error?.message ?? 'is not valid'}`
}
