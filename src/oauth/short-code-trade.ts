import type { IncomingMessage } from 'node:http'
import { v4 as uuidv4 } from 'uuid'
import { readPlainQuery } from '../http/plain-query.ts'
import type { ReadyAnswer } from '../http/short-paths.ts'
import type { TokenAnswer } from './token-answer.ts'
import type { TradeCode } from './token-endpoint.ts'

/** What nearly all clients send with a code; whatever else comes is the schema's to judge. */
const FIELDS = new Set([
  ...(['grant_type', 'code', 'redirect_uri', 'code_verifier', 'client_id'] as const),
  'client_secret' as const
])

export type ShortCodeTradeOptions = {
  tradeCode: TradeCode
  /** The address may be another one than the connection's: the lifecycle finds it out. */
  isBehindProxy: boolean
  /** A process that was frozen reads its data keys first. */
  afterFreeze: (next: () => void) => void
}

/** Codes that are traded before the lifecycle. */
export function createShortCodeTrade(options: ShortCodeTradeOptions) {
  const { tradeCode, isBehindProxy, afterFreeze } = options
  /** Of what goes through the lifecycle after all: nothing is spent twice, and a fault is told once. */
  const tried = new WeakMap<IncomingMessage, Promise<TokenAnswer | null>>()

  /** @returns undefined for every other form */
  function answerShortly(
    request: IncomingMessage,
    body: Buffer,
    headers: ReadyAnswer['headers']
  ): Promise<ReadyAnswer> | undefined {
    const form = isBehindProxy ? null : readPlainQuery(body.toString('latin1'), FIELDS)
    if (form?.grant_type !== 'authorization_code' || request.headers.dpop !== undefined) {
      return undefined
    }
    const { grant_type, ...fields } = form
    const who: { userId?: string | undefined; sessionId?: string | undefined } = {}
    const origin = {
      requestId: (request.requestId ??= uuidv4()),
      address: request.socket.remoteAddress ?? '',
      tell: (told: typeof who) => void Object.assign(who, told)
    }
    const { authorization } = request.headers
    const trading = new Promise<void>(afterFreeze).then(() =>
      tradeCode({ grant_type, ...fields }, { authorization, dpop: undefined, origin })
    )
    tried.set(request, trading)
    return trading.then((answer) => {
      if (answer === null) throw new Error('The lifecycle has to look at it.')
      return { headers, body: JSON.stringify(answer), ...who }
    })
  }

  return { answerShortly, triedBefore: (request: IncomingMessage) => tried.get(request) }
}
