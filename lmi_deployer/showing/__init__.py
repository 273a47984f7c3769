"""What a profile, a bundle or a saved plan comes to, as text without anything that only moves."""
