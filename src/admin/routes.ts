import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { MessageAnswer } from '../accounts/schemas.ts'
import { toWireUser } from '../accounts/user.ts'
import type { AuditTrail } from '../audit/trail.ts'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { problems } from '../http/schemas.ts'
import { toWireSession } from '../sessions/own-sessions.ts'
import { toCsv, toWireEvent } from './audit-view.ts'
import {
  AuditAnswer,
  AuditQuery,
  limitOf,
  RolesBody,
  UserDetailAnswer,
  UserParams,
  UsersAnswer,
  UsersQuery
} from './schemas.ts'
import type { UserAdmin } from './user-admin.ts'

export type AdminRoutesOptions = { userAdmin: UserAdmin; findEvents: AuditTrail['find'] }

const config = { access: 'admin' } as const
const tagged = { tags: ['administration'], security: [{ bearer: [] }] }

/** What may be done to a person by name alone. */
const ACTS = [
  ['disable', 'Disable; every session ends at once'],
  ['enable', 'Enable again'],
  ['unlock', 'Forget wrong guesses'],
  ['force-password-reset', 'The password opens nothing until it is reset by mail'],
  ['end-sessions', 'End every session']
] as const

export const adminRoutes: FastifyPluginCallbackTypebox<AdminRoutesOptions> = (
  app,
  { userAdmin, findEvents },
  done
) => {
  const acts = {
    disable: userAdmin.disable,
    enable: userAdmin.enable,
    unlock: userAdmin.unlock,
    'force-password-reset': userAdmin.forceReset,
    'end-sessions': userAdmin.endSessions
  }

  function actOn(request: FastifyRequest, userId: string) {
    return { adminId: principalOf(request).user.id, userId, origin: originOf(request) }
  }

  app.get(
    '/admin/users',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Find people who match every filter, the newest first',
        querystring: UsersQuery,
        response: { 200: UsersAnswer, ...problems(401, 403, 422) }
      }
    },
    async (request) => {
      const { limit, cursor, email, username, status, role } = request.query
      const { users, nextCursor } = await userAdmin.list({
        limit: limitOf(limit),
        ...(cursor !== undefined && { before: cursor }),
        ...(email !== undefined && { email }),
        ...(username !== undefined && { usernamePrefix: username }),
        ...(status !== undefined && { status }),
        ...(role !== undefined && { role })
      })
      return { users: users.map(toWireUser), next_cursor: nextCursor }
    }
  )

  app.get(
    '/admin/users/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'One person, with sessions and recent events',
        params: UserParams,
        response: { 200: UserDetailAnswer, ...problems(401, 403, 404, 422) }
      }
    },
    async (request) => {
      const { user, sessions, events } = await userAdmin.show(request.params.id)
      return {
        user: toWireUser(user),
        sessions: sessions.map(toWireSession),
        events: events.map(toWireEvent)
      }
    }
  )

  for (const [name, summary] of ACTS) {
    const refusals =
      name === 'disable'
        ? problems(400, 401, 403, 404, 409, 413, 415, 422)
        : problems(400, 401, 403, 404, 413, 415, 422)
    app.post(
      `/admin/users/:id/${name}`,
      {
        config,
        schema: {
          ...tagged,
          summary,
          params: UserParams,
          response: { 200: MessageAnswer, ...refusals }
        }
      },
      async (request) => {
        await acts[name](actOn(request, request.params.id))
        return { message: 'Done.' }
      }
    )
  }

  app.put(
    '/admin/users/:id/roles',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Set the roles of a person; their next token has them',
        params: UserParams,
        body: RolesBody,
        response: { 200: MessageAnswer, ...problems(400, 401, 403, 404, 409, 413, 415, 422) }
      }
    },
    async (request) => {
      await userAdmin.setRoles(actOn(request, request.params.id), request.body.roles)
      return { message: 'Done.' }
    }
  )

  app.delete(
    '/admin/users/:id',
    {
      config,
      schema: {
        ...tagged,
        summary: 'Erase a person, for good',
        params: UserParams,
        response: { 200: MessageAnswer, ...problems(400, 401, 403, 404, 409, 413, 415, 422) }
      }
    },
    async (request) => {
      await userAdmin.erase(actOn(request, request.params.id))
      return { message: 'The account is erased.' }
    }
  )

  app.get(
    '/admin/audit-logs',
    {
      config,
      schema: {
        ...tagged,
        summary: 'The audit trail, the newest first; as CSV with format=csv',
        querystring: AuditQuery,
        response: { 200: AuditAnswer, ...problems(401, 403, 422) }
      }
    },
    async (request, reply) => {
      const { limit, cursor, type, user_id: userId, format } = request.query
      const size = limitOf(limit)
      const events = await findEvents({
        limit: size,
        ...(cursor !== undefined && { before: cursor }),
        ...(type !== undefined && { type }),
        ...(userId !== undefined && { userId })
      })
      if (format === 'csv') {
        reply.header('content-disposition', 'attachment; filename="audit.csv"')
        return reply
          .type('text/csv')
          .serializer(toCsv as never)
          .send(events)
      }
      const next = events.length === size ? (events.at(-1)?.id ?? null) : null
      return { events: events.map(toWireEvent), next_cursor: next }
    }
  )

  done()
}
