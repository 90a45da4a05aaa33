import { Worker } from 'node:worker_threads'
import { UnavailableError } from '../errors.ts'
import { createGate, GateFullError } from '../lib/gate.ts'
import { createQuickLook, type QuickLook } from './quick-look.ts'
import type { Lexicon } from './strength-lexicon.ts'

/** zxcvbn's 0 (guessed at once) to 4, and in words why it is not more. */
export type Strength = { score: number; reasons: string[] }

/** `personal` are words that belong to the owner: a guesser would try them first. */
export type StrengthQuestion = { password: string; personal: string[] }

/** What the thread says: an answer to each question, and once, after the first, what it knows. */
export type Told = { strength: Strength } | { lexicon: Lexicon }

export type StrengthEstimator = ReturnType<typeof createStrengthEstimator>
export type EstimateStrength = StrengthEstimator['estimate']
export type IsClearlyStrong = StrengthEstimator['isClearlyStrong']

/** An ordinary password takes 5 ms, the slowest 25: the last of them waits for one second, or for three. */
const WAITING = 128

/** MiB. The dictionaries take less than half; V8 on its own would let this thread's garbage grow to three times that. */
const LIMITS = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 96 }

/**
 * zxcvbn in a thread of its own: a long password takes it 25 ms, which no other request should wait
 * for. The thread is started by the first password (its dictionaries take 100 ms to load), and keeps
 * the process alive only while somebody waits for it.
 */
export function createStrengthEstimator() {
  const gate = createGate({ concurrency: 1, queueLength: WAITING })
  let thread: Worker | undefined
  let isClosed = false
  let answer: PromiseWithResolvers<Strength> | undefined
  /** Nobody is clearly strong before the thread has told what it knows. */
  let look: QuickLook = () => false

  function start(): Worker {
    // No setting and no secret of the server goes along.
    const started = new Worker(new URL('./password-strength-worker.ts', import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: LIMITS
    })
    const forget = (cause: unknown) => {
      if (thread !== started) return
      thread = undefined
      answer?.reject(new UnavailableError('the thread that looks at passwords failed', cause))
    }
    return started.on('message', hear).on('error', forget).on('exit', forget)
  }

  function hear(told: Told): void {
    if ('strength' in told) answer?.resolve(told.strength)
    else look = createQuickLook(told.lexicon)
  }

  /** One question at a time: the next answer is its own. */
  async function ask(question: StrengthQuestion): Promise<Strength> {
    if (isClosed) throw new UnavailableError('the server is closing')
    thread ??= start()
    const asked = thread
    answer = Promise.withResolvers()
    asked.ref()
    asked.postMessage(question)
    try {
      return await answer.promise
    } finally {
      asked.unref()
    }
  }

  /**
   * How long a password withstands guessing by somebody who knows these words about its owner.
   * @throws {UnavailableError} when too many wait
   */
  async function estimate(password: string, personal: string[]): Promise<Strength> {
    try {
      return await gate(() => ask({ password, personal }))
    } catch (error) {
      if (error instanceof GateFullError)
        throw new UnavailableError('too many passwords wait to be looked at', error)
      throw error
    }
  }

  /** Whoever still waits is answered 503. */
  async function close(): Promise<void> {
    isClosed = true
    await thread?.terminate()
  }

  return {
    estimate,
    /** Whether zxcvbn's score is certain to be 3 or 4, without asking the thread. */
    isClearlyStrong: (password: string, personal: string[]) => look(password, personal),
    close
  }
}
