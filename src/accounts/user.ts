/** A person as the house knows them: addresses opened, no secret inside. */
export type User = {
  id: string
  email: string
  emailVerifiedAt: Date | null
  username: string | null
  name: string | null
  surname: string | null
  phoneNumber: string | null
  locale: string | null
  roles: string[]
  status: 'active' | 'disabled'
  /** An administrator asked for a new password. */
  mustReset: boolean
  createdAt: Date
}

/** `user` on the wire. */
export function toWireUser(user: User) {
  return {
    id: user.id,
    email: user.email,
    email_verified: user.emailVerifiedAt !== null,
    username: user.username,
    name: user.name,
    surname: user.surname,
    phone_number: user.phoneNumber,
    locale: user.locale,
    roles: user.roles,
    status: user.status,
    created_at: user.createdAt.toISOString()
  }
}

/** Where a person's sealed column stands. */
export function userPlace(id: string, column: 'email_sealed' | 'phone_sealed') {
  return { table: 'users', column, row: id }
}

/** Whether a text can be a username. */
export function isUsername(text: string): boolean {
  return /^[a-z0-9._-]{3,64}$/.test(text)
}
