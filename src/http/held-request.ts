import { IncomingMessage } from 'node:http'

/** How Node empties a request that nobody has read: under this name since its first releases, though no document says so. */
const dump = (IncomingMessage.prototype as { _dump?: () => void })._dump

type Parser = { incoming: IncomingMessage | null }

/** Told once: the body, or null where it did not come in one piece together with its head. */
type Told = (body: Buffer | null) => void

/**
 * A request whose body can be looked at before anybody reads it: as a stream, a form of a few hundred bytes takes
 * longer than all else that is done with it. Node hands a body to `push`, as to every stream; what is held back
 * there is given to the stream after all, unless it was answered.
 */
export class HeldRequest extends IncomingMessage {
  private told: Told | null = null
  private isHeld = false
  private isDone = false
  private isComplete = false
  private piece: Buffer | null = null

  /**
   * Calls `told` in the turn of the event loop in which the head came. What is told of must be let go of, or
   * discarded.
   * @param lengthBytes what the head says, 1 or more
   */
  hold(lengthBytes: number, told: Told): void {
    this.told = told
    this.isHeld = true
    process.nextTick(() => {
      // What is there by now is whole in this turn; the rest may take its time.
      if (this.piece?.length !== lengthBytes) this.tell(null)
    })
  }

  /** From now on a stream as if nothing had been held. */
  letGo(): void {
    this.isHeld = false
    if (this.piece !== null) super.push(this.piece)
    this.piece = null
    if (this.isComplete) super.push(null)
  }

  /** It is answered, and nobody will read it: neither what has come nor what may come. */
  discard(): void {
    this.isHeld = false
    this.piece = null
    this.isDone = this.readableLength === 0
  }

  /** A stream that ends is half a dozen events; what has nothing in it is only taken from the parser. */
  _dump(): void {
    if (!this.isDone) {
      dump?.call(this)
      return
    }
    const { parser } = this.socket as { parser?: Parser | null }
    if (parser?.incoming === this) parser.incoming = null
  }

  override push(chunk: Buffer | null, encoding?: BufferEncoding): boolean {
    if (this.isDone) return true
    if (!this.isHeld) return super.push(chunk, encoding)
    if (chunk === null) {
      this.isComplete = true
      this.tell(this.piece)
      return false
    }
    if (this.piece === null) {
      this.piece = chunk
      return true
    }
    this.tell(null)
    return super.push(chunk)
  }

  private tell(body: Buffer | null): void {
    const { told } = this
    this.told = null
    told?.(body)
  }
}
