import type { GuessLimit } from '../abuse/guess-limit.ts'
import type { RequestOrigin } from '../audit/events.ts'
import { ProblemError, validationFailed } from '../errors.ts'
import { parseEmailAddress, type EmailAddress } from '../lib/email-address.ts'
import type { EmailChangeStore } from './email-change-store.ts'
import type { Failures } from './failures.ts'
import type { PresentedMailToken } from './mail-token-store.ts'
import type { PasswordHasher } from './password-hasher.ts'
import type { PasswordPolicy } from './password-policy.ts'
import type { RegistrationSalt } from './registration-salt.ts'
import type { RegistrationRules, RegistrationStore } from './registration-store.ts'
import type { VerificationStore } from './verification-store.ts'
import type { User } from './user.ts'

/** What the register form may say; everything that decides about rights is not among it. */
export type RegistrationInput = {
  email: string
  password: string
  username?: string
  name?: string
  surname?: string
  phoneNumber?: string
  locale?: string
}

export type VerificationInput = { token: string } | { email: string; code: string }

/** An address was proven. `hasPassword` is false where its owner has still to set one, by the mail that follows. */
export type Proof = { hasPassword: boolean }

export type Registrations = ReturnType<typeof createRegistrations>

export type RegistrationsDeps = {
  store: RegistrationStore & VerificationStore
  hasher: PasswordHasher
  saltOf: RegistrationSalt
  requireStrongPassword: PasswordPolicy
  limitCodeGuesses: GuessLimit
  /** A mail token may prove the address that somebody moves to. */
  confirmEmailChange: EmailChangeStore['confirm']
  tellFailedProof: Failures['tellProof']
  rules: RegistrationRules
}

/** Registering makes no user: proving the address does. */
export function createRegistrations(deps: RegistrationsDeps) {
  const { store, hasher, saltOf, requireStrongPassword, limitCodeGuesses, rules } = deps
  const { confirmEmailChange, tellFailedProof } = deps

  /**
   * @returns the user that verifying will make; the same for a taken address, where it never will
   * @throws {ProblemError} `validation_failed`, `weak_password`, `username_taken`, `email_taken`
   */
  async function register(input: RegistrationInput, origin: RequestOrigin): Promise<User> {
    const email = requireEmail(input.email)
    const { username, name, surname, phoneNumber, locale } = optional(input)
    await requireStrongPassword('password', input.password, [
      email.address,
      input.username,
      input.name,
      input.surname
    ])
    const passwordHash = await hasher.hash(input.password, saltOf(email.canonical))
    const form = { email, passwordHash, username, name, surname, phoneNumber, locale }
    const outcome = await store.register(form, origin, rules)
    switch (outcome.kind) {
      case 'username_taken':
        throw new ProblemError('username_taken', 'This username is taken. Choose another one.')
      case 'email_taken':
        throw new ProblemError('email_taken', 'This address has an account. Log in instead.')
      case 'registered':
        return {
          id: outcome.id,
          email: email.address,
          emailVerifiedAt: null,
          username,
          name,
          surname,
          phoneNumber,
          locale,
          roles: ['user'],
          status: 'active',
          mustReset: false,
          createdAt: outcome.createdAt
        }
    }
  }

  /**
   * Proves an address, of a registration or of a change, by the link's token, or by the typed code beside the address.
   * @throws {ProblemError} `invalid_token`, one text for every reason; `too_many_attempts` for codes
   */
  async function verify(input: VerificationInput, origin: RequestOrigin): Promise<Proof> {
    const proof =
      'token' in input
        ? await prove(input, origin)
        : await proveByCode(requireEmail(input.email).canonical, input.code, origin)
    if (proof !== null) return proof
    const by = 'token' in input ? 'link' : 'code'
    await tellFailedProof('account.verification_failed', by, origin)
    throw new ProblemError(
      'invalid_token',
      'This link or code is wrong, was used, or has expired. Log in, or ask for a new mail.'
    )
  }

  /** @returns null when it proves nothing */
  async function prove(
    presented: PresentedMailToken,
    origin: RequestOrigin
  ): Promise<Proof | null> {
    const verified = await store.verify(presented, origin)
    if (verified !== null) return verified
    return (await confirmEmailChange(presented, origin)) ? { hasPassword: true } : null
  }

  async function proveByCode(canonicalEmail: string, code: string, origin: RequestOrigin) {
    return limitCodeGuesses(canonicalEmail, () => prove({ canonicalEmail, code }, origin))
  }

  return { register, verify }
}

export function requireEmail(text: string): EmailAddress {
  const email = parseEmailAddress(text)
  if (email === null) throw validationFailed('email', 'must be an e-mail address')
  return email
}

function optional(input: RegistrationInput) {
  return {
    username: input.username ?? null,
    name: input.name ?? null,
    surname: input.surname ?? null,
    phoneNumber: input.phoneNumber ?? null,
    locale: input.locale ?? null
  }
}
