import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { MessageAnswer } from '../accounts/schemas.ts'
import { principalOf } from '../http/access.ts'
import { originOf } from '../http/request-origin.ts'
import { IdField, Nullable, problems, TimeField } from '../http/schemas.ts'
import { toWireSession } from './own-sessions.ts'
import type { Sessions } from './room.ts'

const SessionsAnswer = Type.Object({
  sessions: Type.Array(
    Type.Object({
      id: IdField,
      client_id: Type.String(),
      device: Nullable(Type.String()),
      address: Nullable(Type.String({ description: 'Coarse: 203.0.113.x' })),
      created_at: TimeField,
      last_used_at: TimeField,
      expires_at: TimeField,
      current: Type.Boolean({ description: 'The session of this very token' })
    })
  )
})

export const ownSessionRoutes: FastifyPluginCallbackTypebox<Pick<Sessions, 'ownSessions'>> = (
  app,
  { ownSessions },
  done
) => {
  app.get(
    '/users/sessions',
    {
      config: { access: 'user' },
      schema: {
        tags: ['sessions'],
        summary: 'Your logins',
        security: [{ bearer: [] }],
        response: { 200: SessionsAnswer, ...problems(401) }
      }
    },
    async (request) => {
      const sessions = await ownSessions.list(principalOf(request))
      return {
        sessions: sessions.map((session) => ({
          ...toWireSession(session),
          current: session.isCurrent
        }))
      }
    }
  )

  app.delete(
    '/users/sessions/:id',
    {
      config: { access: 'user' },
      schema: {
        tags: ['sessions'],
        summary: 'End one of your logins',
        security: [{ bearer: [] }],
        params: Type.Object({ id: IdField }),
        response: { 200: MessageAnswer, ...problems(400, 401, 404, 413, 415, 422) }
      }
    },
    async (request) => {
      await ownSessions.end(principalOf(request), request.params.id, originOf(request))
      return { message: 'The session has ended.' }
    }
  )

  done()
}
