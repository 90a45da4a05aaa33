import { Readable } from 'node:stream'
import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { Line, Nullable, PasswordField, problems } from '../http/schemas.ts'
import { ExportAnswer } from './export-schema.ts'
import type { Accounts } from './room.ts'
import { LocaleField, MessageAnswer, PhoneField, UserAnswer, UsernameField } from './schemas.ts'
import { toWireUser } from './user.ts'

const ProfileBody = Type.Object(
  {
    name: Type.Optional(Nullable(Line(200))),
    surname: Type.Optional(Nullable(Line(200))),
    phone_number: Type.Optional(Nullable(PhoneField)),
    locale: Type.Optional(Nullable(LocaleField)),
    username: Type.Optional(Nullable(UsernameField))
  },
  { additionalProperties: false, description: 'null clears a field, one left out stays' }
)

const PasswordBody = Type.Object({ password: PasswordField }, { additionalProperties: false })

const own = { tags: ['profile'], security: [{ bearer: [] }] }

export const profileRoutes: FastifyPluginCallbackTypebox<
  Pick<Accounts, 'profiles' | 'exportData'>
> = (app, { profiles, exportData }, done) => {
  app.get(
    '/users/profile',
    {
      config: { access: 'user' },
      schema: { ...own, summary: 'Your profile', response: { 200: UserAnswer, ...problems(401) } }
    },
    (request) => ({ user: toWireUser(principalOf(request).user) })
  )

  app.put(
    '/users/profile',
    {
      config: { access: 'user' },
      schema: {
        ...own,
        summary: 'Change your profile',
        body: ProfileBody,
        response: { 200: UserAnswer, ...problems(400, 401, 409, 413, 415, 422) }
      }
    },
    async (request) => {
      const { phone_number: phoneNumber, ...rest } = request.body
      const wanted = { ...rest, ...(phoneNumber !== undefined && { phoneNumber }) }
      const user = await profiles.change(principalOf(request).user, wanted, originOf(request))
      return { user: toWireUser(user) }
    }
  )

  app.get(
    '/users/export',
    {
      config: { access: 'user' },
      schema: {
        ...own,
        summary: 'Everything that is held about you',
        response: { 200: ExportAnswer, ...problems(401) }
      }
    },
    (request, reply) =>
      reply
        .type('application/json; charset=utf-8')
        .send(Readable.from(exportData(principalOf(request).user)))
  )

  app.delete(
    '/users/delete-account',
    {
      config: { access: 'user' },
      schema: {
        ...own,
        summary: 'Erase your account, for good',
        body: PasswordBody,
        response: { 200: MessageAnswer, ...problems(400, 401, 409, 413, 415, 422) }
      }
    },
    async (request) => {
      const { password } = request.body
      const shown = { password, deviceCookie: app.readCookie(request, 'device') }
      await profiles.erase(principalOf(request).user, shown, originOf(request))
      return { message: 'The account is erased.' }
    }
  )

  done()
}
