/** Where an endpoint's values stand sealed. */
export const placeOf = (
  column: 'url_sealed' | 'secret_sealed' | 'previous_secret_sealed',
  row: string
) => ({ table: 'webhook_endpoint', column, row })
