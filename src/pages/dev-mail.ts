import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { ProblemError } from '../errors.ts'
import { isFromLoopback } from '../http/loopback.ts'
import { readCapturedMail } from '../mail/captured.ts'
import type { Pages } from './room.ts'

const SHOWN = 50

const Params = Type.Object({ id: Type.String({ pattern: '^[0-9a-f-]{36}$' }) })

export type DevMailOptions = { directory: string; pages: Pages }

/**
 * The inbox of development. Mail tokens are in it, so only this machine may look.
 */
export const devMailPages: FastifyPluginCallbackTypebox<DevMailOptions> = (
  app,
  { directory, pages },
  done
) => {
  app.addHook('onRequest', (request, _reply, next) => {
    next(
      isFromLoopback(request) ? undefined : new ProblemError('not_found', 'There is nothing here.')
    )
  })
  const options = { config: { access: 'public' as const } }

  app.get('/dev/mail', { ...options, schema: { hide: true } }, async (_request, reply) => {
    const mails = await readCapturedMail(directory, SHOWN)
    return pages.renderPage(reply, 'dev-mail', { mails })
  })

  app.get('/dev/mail.json', { ...options, schema: { hide: true } }, async () => ({
    mails: await readCapturedMail(directory, SHOWN)
  }))

  app.get(
    '/dev/mail/:id',
    { ...options, schema: { hide: true, params: Params } },
    async (request, reply) => {
      const mails = await readCapturedMail(directory, SHOWN)
      const mail = mails.find(({ id }) => id === request.params.id)
      if (mail === undefined) throw new ProblemError('not_found', 'There is no such mail.')
      // The mail's own styles are inline, as mail clients want them.
      const policy =
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
      return reply.header('content-security-policy', policy).type('text/html').send(mail.html)
    }
  )

  done()
}
