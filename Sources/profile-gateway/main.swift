print("profile-gateway")
