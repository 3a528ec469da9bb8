"""Predicting from pictures, folders and videos: finding and opening them, naming and writing what is made of them."""
