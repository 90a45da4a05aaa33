/** Rows that one transaction looks at: it takes tens of milliseconds, of 5 s that it has. */
const PAGE_ROWS = 1_000

/**
 * What one page came to: rows looked at, values replaced, and values that stay as they were (somebody works
 * with the row, or nobody can open it). `last` is where the next page begins; undefined after the end.
 */
export type Page =
  | { kind: 'page'; rows: number; done: number; left: number; last: string | undefined }
  /** Another server is at it. */
  | { kind: 'not_mine' }

/** Walking a table by its primary key, so that no page is slower than another one. */
export function inPages(key: string, keyType: 'uuid' | 'bytea' | 'text') {
  const isBytes = keyType === 'bytea'
  return {
    pageRows: PAGE_ROWS,
    /** The key as text. */
    rowText: isBytes ? `encode(${key}, 'hex')` : `${key}::text`,
    /** Text as the key. */
    rowOf: (text: string) => (isBytes ? `decode(${text}, 'hex')` : `${text}::${keyType}`)
  }
}

/** Before the first row. */
export const BEGINNING = {
  uuid: '00000000-0000-0000-0000-000000000000',
  bytea: '',
  text: ''
} as const

export function isLastPage(page: Page): boolean {
  return page.kind === 'not_mine' || page.rows < PAGE_ROWS
}
