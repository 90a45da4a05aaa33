import { errors } from 'jose'

/**
 * Whether a JWT was refused for what it is: jose says so itself, or, for a key that is no point of its
 * curve or forbids its use, WebCrypto does. Whatever else went wrong is ours.
 */
export function isJwtFault(error: unknown): boolean {
  return (
    error instanceof errors.JOSEError || error instanceof TypeError || error instanceof DOMException
  )
}
