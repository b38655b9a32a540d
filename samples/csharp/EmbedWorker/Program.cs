// Watches a folder and writes a line of JSON with the embedding of every picture that arrives there.
//
//   dotnet run -c Release --project samples/csharp/EmbedWorker -- --Dino:Weights=synthetic --Inbox=inbox --Lines=embeddings.jsonl
var builder = Host.CreateApplicationBuilder(args);
builder.Services.AddDinoGpu(builder.Configuration.GetSection("Dino"));
builder.Services.AddHostedService<EmbedWorker.Worker>();
builder.Build().Run();
