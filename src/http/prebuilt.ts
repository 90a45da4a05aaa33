import type { FastifyReply } from 'fastify'

/**
 * Answers JSON that was made before. As a string it leaves in one write with the headers; a Buffer takes
 * two pieces, and longer than everything else that such an answer costs.
 */
export function sendPrebuilt(
  reply: FastifyReply,
  json: string,
  type = 'application/json'
): FastifyReply {
  return reply.header('content-type', type).serializer(asIs).send(json)
}

const asIs = (text: unknown) => text as string
