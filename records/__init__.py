"""The nouns of nightclerk: frozen records, standard library only.

Invoices speak EN 16931 (BT numbers), banks ISO 20022, purchasing UBL.
Money is Decimal with a currency, times are aware, unknown is None.
"""
