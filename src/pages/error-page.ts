import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { OAuthError, ProblemError } from '../errors.ts'
import { refuse } from './refuse.ts'
import type { Pages } from './room.ts'
import type { PageText } from './texts.ts'

const TITLES: Record<number, PageText> = {
  403: 'Not from here',
  404: 'Not found',
  429: 'One moment, please'
}

const LINKS = [{ href: '/', text: 'To the front page' }] as const

/** For whoever is sent there by somebody else: nothing of the query is repeated. */
export const SOMETHING_WENT_WRONG: { title: PageText; message: PageText; links: typeof LINKS } = {
  title: 'Something went wrong',
  message: 'Go back, check what you typed, and try again.',
  links: LINKS
}

/** What went wrong, as a page: no stack, no value, and what to do. */
export function createErrorPage({ renderPage }: Pages) {
  return function renderError(
    error: FastifyError | ProblemError | OAuthError,
    request: FastifyRequest,
    reply: FastifyReply
  ): FastifyReply {
    const status = isExpected(error) ? error.status : (error.statusCode ?? 500)
    if (status >= 500) request.log.error({ err: error }, 'page failed')
    const title = status >= 500 ? 'Something went wrong' : (TITLES[status] ?? 'That did not work')
    const message =
      error instanceof ProblemError
        ? refuse(reply, error).problem
        : error instanceof OAuthError
          ? error.description
          : status >= 500
            ? 'The mistake is ours, and it has been logged. Try again in a moment.'
            : 'Go back, check what you typed, and try again.'
    return renderPage(reply, 'message', { title, message, links: LINKS }, { status })
  }
}

function isExpected(error: Error): error is ProblemError | OAuthError {
  return error instanceof ProblemError || error instanceof OAuthError
}
