"""The machinery of Cratedig: it knows protocols, not products."""
