"""Shopify: finding an order, guarding it, and cancelling it through the Admin API."""
