/** Where a registration's sealed column stands. */
export const registrationPlace = (id: string, column: 'email_sealed' | 'phone_sealed') => ({
  table: 'registration',
  column,
  row: id
})
