import { Type, type TProperties } from 'typebox'
import { IdField, Nullable, TimeField, UserRef } from '../http/schemas.ts'

const MaybeTime = Nullable(TimeField)
const Text = Type.String()
const Texts = Type.Array(Text)

const list = (properties: TProperties, description: string) =>
  Type.Array(Type.Object(properties, { additionalProperties: false }), { description })

const Grant = {
  clientId: Text,
  scope: Text,
  audience: Texts,
  createdAt: TimeField,
  expiresAt: TimeField,
  spentAt: MaybeTime,
  sessionId: Nullable(IdField)
}

const Event = {
  id: IdField,
  at: TimeField,
  type: Text,
  userId: Nullable(IdField),
  actorId: Nullable(IdField),
  sessionId: Nullable(IdField),
  clientId: Nullable(Text),
  requestId: Nullable(Text),
  address: Nullable(Text),
  details: Type.Record(Text, Type.Unknown())
}

const Session = {
  id: IdField,
  parentId: Nullable(IdField),
  clientId: Text,
  scope: Text,
  audience: Texts,
  claims: Type.Unknown({ description: 'What an OpenID client asked to be told' }),
  dpopJkt: Nullable(Text),
  delivery: Type.Union([Type.Literal('body'), Type.Literal('cookie'), Type.Literal('browser')]),
  amr: Texts,
  authTime: TimeField,
  device: Nullable(Text),
  address: Nullable(Text),
  createdAt: TimeField,
  lastUsedAt: TimeField,
  expiresAt: TimeField,
  idleExpiresAt: TimeField,
  revokedAt: MaybeTime,
  revokeReason: Nullable(Text)
}

/** It is written while it is read, so this describes it and does not serialize it. */
export const ExportAnswer = Type.Object(
  {
    user: UserRef,
    account: Nullable(
      Type.Object(
        { emailVerifiedAt: MaybeTime, mustReset: Type.Boolean(), updatedAt: TimeField },
        { additionalProperties: false }
      )
    ),
    usernames: list({ username: Text, reservedUntil: MaybeTime }, 'Yours, and reserved for you'),
    devices: list({ createdAt: TimeField, expiresAt: TimeField }, 'Browsers that are known'),
    consents: list(
      { clientId: Text, scopes: Texts, createdAt: TimeField, updatedAt: TimeField },
      'Clients that you let in'
    ),
    formerAddresses: list({ email: Text, until: TimeField }, 'Kept for as long as you may go back'),
    addressesAskedFor: list(
      { email: Nullable(Text), since: TimeField, until: TimeField, spentAt: MaybeTime },
      'Changes of address'
    ),
    mailTokens: list(
      { purpose: Text, since: TimeField, until: TimeField, spentAt: MaybeTime },
      'Other mails with a link that waits, or was used'
    ),
    mails: list(
      { createdAt: TimeField, expiresAt: TimeField, sentAt: MaybeTime },
      'Mails because of you that wait, or were sent lately'
    ),
    authorizationRequests: list(
      { clientId: Text, createdAt: TimeField, expiresAt: TimeField, spentAt: MaybeTime },
      'Requests of clients that you agreed to'
    ),
    authorizationCodes: list(
      { ...Grant, redirectUri: Nullable(Text), authTime: TimeField, amr: Texts },
      'What clients were given to fetch tokens with'
    ),
    deviceAuthorizations: list(
      { ...Grant, isApproved: Nullable(Type.Boolean()) },
      'Devices that you let in, or refused'
    ),
    sessions: list(Session, 'The newest first, ended ones too'),
    events: list(Event, 'What happened to you, the newest first'),
    acts: list(Event, 'What you did to others, as an administrator')
  },
  { additionalProperties: false }
)
